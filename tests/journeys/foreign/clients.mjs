// Two OAuth clients that others wrote get a token bound to their certificate, and use it.
//
// node clients.mjs FOLDER METHOD
//
// FOLDER holds certificate.pem, key.pem, ca.pem, for private_key_jwt client.pem, and gateway.json:
// {"issuer", "partners", "client_id", "kid"}. METHOD is tls_client_auth or private_key_jwt.
// It prints, for each client, what its token is and what the gateway answered to it.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as oauth from "oauth4webapi";
import * as openid from "openid-client";
import { Agent, fetch as send } from "undici";

const [folder, method] = process.argv.slice(2);
const read = (name) => readFileSync(join(folder, name));
const gateway = JSON.parse(read("gateway.json"));
const issuer = new URL(gateway.issuer);
const whoami = new URL("/whoami", gateway.partners);

const dispatcher = new Agent({
  connect: {
    cert: read("certificate.pem"),
    key: read("key.pem"),
    ca: read("ca.pem"),
    minVersion: "TLSv1.3",
  },
});
const mutual = (url, options) => send(url, { ...options, dispatcher });

async function signer() {
  const pem = read("client.pem").toString().replace(/-----[A-Z ]+-----|\s/g, "");
  const algorithm = { name: "ECDSA", namedCurve: "P-256" };
  const der = Buffer.from(pem, "base64");
  const key = await crypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  return { key, kid: gateway.kid };
}

async function authentication(library) {
  return method === "tls_client_auth" ? library.TlsClientAuth() : library.PrivateKeyJwt(await signer());
}

async function withOauth4webapi() {
  const options = { [oauth.customFetch]: mutual };
  const found = await oauth.discoveryRequest(issuer, { ...options, algorithm: "oauth2" });
  const server = await oauth.processDiscoveryResponse(issuer, found);
  const client = { client_id: gateway.client_id, use_mtls_endpoint_aliases: true };
  const wanted = new URLSearchParams({ scope: "directory.read", resource: gateway.partners });
  const answer = await oauth.clientCredentialsGrantRequest(
    server, client, await authentication(oauth), wanted, options);
  const token = await oauth.processClientCredentialsResponse(server, client, answer);
  const used = await oauth.protectedResourceRequest(
    token.access_token, "GET", whoami, new Headers(), null, options);
  return { token, whoami: await used.json() };
}

async function withOpenidClient() {
  const configuration = await openid.discovery(
    issuer, gateway.client_id, { use_mtls_endpoint_aliases: true }, await authentication(openid),
    { algorithm: "oauth2", [openid.customFetch]: mutual });
  configuration[openid.customFetch] = mutual;
  const token = await openid.clientCredentialsGrant(
    configuration, { scope: "directory.read", resource: gateway.partners });
  const used = await openid.fetchProtectedResource(
    configuration, token.access_token, whoami, "GET");
  return { token, whoami: await used.json() };
}

const told = {
  oauth4webapi: await withOauth4webapi(),
  "openid-client": await withOpenidClient(),
};
process.stdout.write(JSON.stringify(told));
await dispatcher.close();
