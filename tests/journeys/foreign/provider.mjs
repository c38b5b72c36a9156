// Another authorization server, in its FAPI 2.0 profile, for the same clients as the gateway's.
//
// node provider.mjs SETTINGS.json
//
// SETTINGS names the port, the PEM files (server, ca), and the clients: {"port", "server", "ca",
// "resource", "scope", "certificate_client": {"id", "san_uri"}, "key_client": {"id", "jwk"}}.
// It prints one line when it listens, and ends with its standard input.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import Provider from "oidc-provider";

const settings = JSON.parse(readFileSync(process.argv[2]));
const issuer = `https://localhost:${settings.port}`;
const pem = readFileSync(settings.server);

const everyClient = {
  grant_types: ["client_credentials"],
  response_types: [],
  redirect_uris: [],
  scope: settings.scope,
  id_token_signed_response_alg: "ES256",
  tls_client_certificate_bound_access_tokens: true,
};

const provider = new Provider(issuer, {
  clients: [
    {
      ...everyClient,
      client_id: settings.certificate_client.id,
      token_endpoint_auth_method: "tls_client_auth",
      tls_client_auth_san_uri: settings.certificate_client.san_uri,
    },
    {
      ...everyClient,
      client_id: settings.key_client.id,
      token_endpoint_auth_method: "private_key_jwt",
      token_endpoint_auth_signing_alg: "ES256",
      jwks: { keys: [settings.key_client.jwk] },
    },
  ],
  clientAuthMethods: ["tls_client_auth", "private_key_jwt"],
  scopes: [settings.scope],
  jwks: { keys: [settings.signing_jwk] },
  enabledJWA: {
    clientAuthSigningAlgValues: ["ES256", "PS256", "Ed25519"],
    idTokenSigningAlgValues: ["ES256"],
  },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    fapi: { enabled: true, profile: "2.0" },
    mTLS: {
      enabled: true,
      certificateBoundAccessTokens: true,
      tlsClientAuth: true,
      getCertificate: (ctx) => ctx.socket.getPeerX509Certificate()?.toString(),
      certificateAuthorized: (ctx) => ctx.socket.authorized,
      certificateSubjectMatches: (ctx, property, expected) =>
        property === "tls_client_auth_san_uri" &&
        ctx.socket.getPeerX509Certificate()?.subjectAltName === `URI:${expected}`,
    },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => settings.resource,
      getResourceServerInfo: (_ctx, resource) => {
        if (resource !== settings.resource) {
          throw Object.assign(new Error("invalid_target"), {
            expose: true, statusCode: 400, status: 400, error: "invalid_target",
          });
        }
        return {
          scope: settings.scope,
          audience: resource,
          accessTokenFormat: "jwt",
          accessTokenTTL: 300,
          jwt: { sign: { alg: "ES256" } },
        };
      },
    },
  },
});

const tls = {
  key: pem, cert: pem, ca: readFileSync(settings.ca),
  requestCert: true, rejectUnauthorized: false, minVersion: "TLSv1.3",
};
createServer(tls, provider.callback()).listen(settings.port, "127.0.0.1", () => {
  process.stdout.write("listening\n");
});
process.stdin.on("end", () => process.exit(0)).resume();
