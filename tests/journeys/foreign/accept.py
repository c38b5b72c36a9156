"""Accepts a handoff by the client that openapi-python-client generated, and prints the answer.

``accept.py ADDRESS FOLDER CLIENT_ID HANDOFF PERSON``: the folder has certificate.pem, key.pem and
ca.pem. Nothing of ours is imported.
"""

import json
import ssl
import sys
import uuid

from casegate_client import AuthenticatedClient, Client
from casegate_client.api.handoffs import handoffs_accept, handoffs_list, handoffs_show
from casegate_client.api.oauth import oauth_issue_token
from casegate_client.models import AcceptanceBody, OfferDirection, TokenRequest

address, folder, client_id, handoff, person = sys.argv[1:]
tls = ssl.create_default_context(cafile=f"{folder}/ca.pem")
tls.load_cert_chain(f"{folder}/certificate.pem", f"{folder}/key.pem")

asked = TokenRequest(grant_type="client_credentials", client_id=client_id)
token = oauth_issue_token.sync(client=Client(address, verify_ssl=tls), body=asked)
client = AuthenticatedClient(address, token=token.access_token, verify_ssl=tls)

received = handoffs_list.sync(client=client, box=OfferDirection.IN)
assert handoff in [str(one.handoff) for one in received.items], received
view = handoffs_show.sync(uuid.UUID(handoff), client=client)
body = AcceptanceBody(by=person, conditions=view.conditions)
accepted = handoffs_accept.sync(
    view.handoff, client=client, body=body, idempotency_key=f"accept-{handoff}"
)
json.dump(accepted.to_dict(), sys.stdout)
