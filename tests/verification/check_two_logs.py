"""Check the logs of an evidence file without our code: python check_two_logs.py FILE VKEY...

It knows RFC 9162, signed notes and cosignatures of C2SP, and section 6 of documents.md, and imports
nothing but `cryptography`. A VKEY of kind 1 is a log's, of kind 4 a witness's. It prints what it
found as JSON, and ends with a sentence where something does not hold.
"""

import base64
import hashlib
import json
import pathlib
import sys

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def require(holds, otherwise):
    if not holds:
        sys.exit(f"NOT verified: {otherwise}")


def read_vkey(text):
    name, key_id, key = text.strip().split("+", 2)
    key = base64.b64decode(key, validate=True)
    require(sha256(name.encode(), b"\n", key)[:4].hex() == key_id, f"{name} has another key id")
    return name, key_id, key[0], Ed25519PublicKey.from_public_bytes(key[1:])


def is_signed(key, signature, message):
    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def lines_of(note):
    """The text of a note, and its lines: name, key id, the rest."""
    text, _, lines = note.rpartition("\n\n")
    found = []
    for line in lines.removesuffix("\n").split("\n"):
        dash, name, value = line.split(" ")
        require(dash == "\N{EM DASH}", "a line of a note begins otherwise")
        value = base64.b64decode(value, validate=True)
        found.append((name, value[:4].hex(), value[4:]))
    return f"{text}\n", found


def check_checkpoint(origin, note, keys):
    """The size and root of a checkpoint that the log signed, and who cosigned it, when."""
    text, lines = lines_of(note)
    signed, witnesses = False, {}
    for name, key_id, value in lines:
        for known, known_id, kind, key in keys:
            if (known, known_id) != (name, key_id):
                continue
            if kind == 1 and name == origin:
                require(is_signed(key, value, text.encode()), f"{origin} did not sign this")
                signed = True
            if kind == 4:
                at = int.from_bytes(value[:8], "big")
                message = f"cosignature/v1\ntime {at}\n{text}".encode()
                if is_signed(key, value[8:], message):
                    witnesses[name] = at
    require(signed, f"no key that was given signed the checkpoint of {origin}")
    said, size, root = text.split("\n")[:3]
    require(said == origin, "the checkpoint is of another log")
    return int(size), base64.b64decode(root, validate=True), witnesses


def check_inclusion(leaf, index, path, size, root):
    """RFC 9162 section 2.1.3.2."""
    require(0 <= index < size, "an entry lies outside its tree")
    node, last, found = index, size - 1, leaf
    for sibling in path:
        require(last > 0, "a path is too long")
        if node % 2 or node == last:
            found = sha256(b"\x01", sibling, found)
            while node and not node % 2:
                node, last = node // 2, last // 2
        else:
            found = sha256(b"\x01", found, sibling)
        node, last = node // 2, last // 2
    require(last == 0 and found == root, f"the log does not hold entry {index}")


def check_entry(entry, origin, size, root):
    """An event as it is in its log, with the details that are shown."""
    document = entry["document"].encode()
    event = json.loads(document)
    require(event["log"] == origin, "an event is of another log")
    path = b64url(entry["path"])
    hashes = [path[at : at + 32] for at in range(0, len(path), 32)]
    commitment = b"\x01" + sha256(b"casegate-entry-v1\n", b64url(entry["nonce"]), document)
    check_inclusion(sha256(b"\x00", commitment), entry["index"], hashes, size, root)
    details = {}
    for text in entry["disclosures"]:
        digest = base64.urlsafe_b64encode(sha256(text.encode())).rstrip(b"=").decode()
        require(digest in event["sd"], "a detail is of another event")
        _, name, value = json.loads(b64url(text))
        details.setdefault(name, []).append(value)
    return {"index": entry["index"], **event, "details": details}


def compare(events):
    """How many events name one of another log; each says the same as that."""
    named, compared = {one["id"]: one for log in events.values() for one in log}, 0
    for log in events.values():
        for one in log:
            for origin, event in one["details"].get("peer_event", []):
                require(origin in events and origin != one["log"], "a log is not in this file")
                other = named.get(event)
                require(other is not None and other["log"] == origin, "an event is not shown")
                for field in ("handoff", "document_sha256", "case_digest", "package_digest"):
                    said = {each[field] for each in (one, other) if field in each}
                    require(len(said) < 2, f"two logs differ in {field}: {one['id']}, {event}")
                compared += 1
    return compared


def main(file, *vkeys):
    members, keys = json.loads(pathlib.Path(file).read_bytes()), [*map(read_vkey, vkeys)]
    told, events = {}, {}
    for origin, log in members["logs"].items():
        size, root, witnesses = check_checkpoint(origin, log["checkpoint"], keys)
        events[origin] = [check_entry(one, origin, size, root) for one in log["entries"]]
        told[origin] = {"size": size, "entries": len(events[origin]), "witnesses": witnesses}
    print(json.dumps({"logs": told, "compared": compare(events)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
