// A partner in JavaScript: hands in a case that it signed, offers it, and checks the log's receipt.
//
// node partner.mjs FOLDER CASE.json ANALYST APPROVER
//
// FOLDER is what `casegate enrol` made: connection.toml, and beside it the files that it names;
// ANALYST and APPROVER are two persons of your staff register, by pseudonym.
// It prints one JSON document: the case's and the handoff's ids, and what the receipts prove.
import assert from "node:assert/strict";
import { createHash, createPublicKey, randomBytes, randomInt, randomUUID, verify } from "node:crypto";
import { readFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { CompactSign, calculateJwkThumbprint, exportJWK, importPKCS8 } from "jose";

const [folder, caseFile, analyst, approver] = process.argv.slice(2);
if (approver === undefined) stop("usage: node partner.mjs FOLDER CASE.json ANALYST APPROVER");
const read = (name) => readFileSync(join(folder, name));
// The command writes each setting on a line of its own, its text as JSON has it.
const settings = read("connection.toml").toString().matchAll(/^(\w+) = (".*")$/gm);
const gateway = Object.fromEntries([...settings].map(([, name, text]) => [name, JSON.parse(text)]));
if (!gateway.document_key) stop("connection.toml names no document_key, and this program signs");
const content = JSON.parse(readFileSync(caseFile));
const [organisation] = gateway.client_id.split(".");
const self = `${gateway.issuer}/organisations/${organisation}`;

function stop(sentence) {
  console.error(sentence);
  process.exit(1);
}

// --- Talking to the gateway: TLS 1.3, our certificate, the gateway's root and no other -----------

const tls = {
  cert: read(gateway.certificate),
  key: read(gateway.key),
  ca: read(gateway.ca),
  minVersion: "TLSv1.3",
};

function call(method, path, headers = {}, body = undefined) {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, gateway.api_url), { ...tls, method, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("error", reject);
      answer.on("end", () => {
        const members = JSON.parse(Buffer.concat(parts).toString());
        if (answer.statusCode < 300) resolve(members);
        else stop(`refused: ${answer.statusCode} ${JSON.stringify(members)}`);
      });
    });
    sent.setTimeout(20_000, () => sent.destroy(new Error("the gateway does not answer")));
    sent.on("error", reject);
    sent.end(body);
  });
}

// The certificate is the credential; the token is bound to it and is of no use without it.
const form = new URLSearchParams({ grant_type: "client_credentials", client_id: gateway.client_id });
const { access_token: token } = await call(
  "POST", "/oauth/token", { "Content-Type": "application/x-www-form-urlencoded" }, form.toString());
const authorization = { Authorization: `Bearer ${token}`, Accept: "application/json" };

// A retry sends the same bytes again: keep the document on disk before it leaves. Its jti is the
// retry key, and the answer to a repeated document is the first one.
const send = (path, document) =>
  call("POST", path, { ...authorization, "Content-Type": "application/sd-jwt" }, document);

// --- Signing (RFC 9901): what can be withheld is a salted disclosure, its digest is signed -------

const sha256 = (...parts) => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
};
const digestOf = (text) => sha256(text).toString("base64url");
// A document's name is that of its header and payload, whatever is disclosed and signed with.
const documentDigest = (document) => digestOf(document.split("~")[0].split(".", 2).join("."));

const privateKey = await importPKCS8(read(gateway.document_key).toString(), "ES256", { extractable: true });
const { d: _, ...publicJwk } = await exportJWK(privateKey);
const kid = await calculateJwkThumbprint(publicJwk);

// To 4, 8, 16, 32... with random digests, at random places: so that neither number nor absence shows.
function padded(digests) {
  let size = 4;
  while (size < digests.length) size *= 2;
  const list = [...digests];
  while (list.length < size) {
    list.splice(randomInt(list.length + 1), 0, randomBytes(32).toString("base64url"));
  }
  return list;
}

async function sign(typ, claims, properties, arrays = {}) {
  const disclosures = [];
  const seal = (...parts) => {
    const salt = randomBytes(16).toString("base64url");
    const text = Buffer.from(JSON.stringify([salt, ...parts])).toString("base64url");
    disclosures.push(text);
    return digestOf(text);
  };
  const heading = { iss: self, aud: gateway.issuer, iat: Math.floor(Date.now() / 1000), jti: randomUUID() };
  const payload = { ...heading, ...claims, _sd_alg: "sha-256" };
  payload._sd = padded(Object.entries(properties).map(([name, value]) => seal(name, value))).sort();
  for (const [name, values] of Object.entries(arrays)) {
    payload[name] = padded(values.map((value) => seal(value))).map((digest) => ({ "...": digest }));
  }
  const jws = await new CompactSign(Buffer.from(JSON.stringify(payload)))
    .setProtectedHeader({ alg: "ES256", kid, typ })
    .sign(privateKey);
  return [jws, ...disclosures, ""].join("~");
}

const only = (source, names) =>
  Object.fromEntries(names.filter((n) => source[n] !== undefined).map((n) => [n, source[n]]));

const CLEAR = ["tlp", "handling", "onward", "permitted_actions", "purpose", "erase_on"];
const OF_MARKING = [
  "release_to", "attribution", "national", "handling_note", "force", "review_on", "retention_rule",
];
const OF_CASE = [
  "matter", "urgency", "legal_basis", "received_at", "intake_channel", "reporter", "originator_ref",
];
const ARRAYS = ["items", "statements", "subjects", "classifications", "references"];

const confirmed = (content.classifications ?? []).map((one) => one.id);
const { embargo } = content.marking;
const embargoed = embargo && {
  embargo: only(embargo, ["no_notice_to_host", "no_publication", "until"]),
  embargo_source: only(embargo, ["reason", "set_by"]),
};
// Persons stand here and below by the pseudonyms of your own staff register.
const persons = {
  by: analyst,
  clearance: { assessed_by: analyst, cleared_by: approver, confirmed_matches: confirmed },
};
const caseDocument = await sign(
  "casegate-case+sd-jwt",
  {
    ...only(content, ["case", "version", "previous"]),
    profile: "casegate-case/1",
    ...only(content.marking, CLEAR),
  },
  { ...only(content, OF_CASE), ...only(content.marking, OF_MARKING), ...embargoed, ...persons },
  Object.fromEntries(ARRAYS.map((name) => [name, content[name] ?? []])),
);
const submitted = await send("/cases", caseDocument);

// --- Offering: the preview says whom it reaches and what policy lets through; we sign that -------

const asked = {
  case: content.case,
  by: approver,
  to: { competence: { matter: "csam", territory: "FR" } },
  groups: ["items", "statements", "classifications"],
  purpose: content.marking.purpose.slice(0, 1),
};
const preview = await call(
  "POST", "/handoffs/preview", { ...authorization, "Content-Type": "application/json" },
  JSON.stringify(asked));

// The gateway's word is not enough to sign on: the digest is that of our own document, and every
// part that the list names is one that we selected (or says where the case belongs).
const caseDigest = documentDigest(caseDocument);
const selected = [...asked.groups, "routing"].flatMap((group) => submitted.result.groups[group] ?? []);
assert.equal(submitted.result.digest, caseDigest);
const permitted = preview.permitted_disclosures;
assert.ok(permitted.every((digest) => selected.includes(digest)), "more than was selected");
assert.equal(preview.to.competence, "receive/csam/FR");

const offer = await sign(
  "casegate-offer+sd-jwt",
  {
    handoff: newId(),
    to: preview.to,
    case_digest: caseDigest,
    disclosures: [...permitted].sort(),
    purpose: asked.purpose,
  },
  { by: asked.by },
);
const offered = await send(`/cases/${content.case}/handoffs`, offer);

function newId() { // UUIDv7 (RFC 9562 5.7): sorted by time
  const bytes = randomBytes(16);
  bytes.writeUIntBE(Date.now(), 0, 6);
  bytes[6] = 0x70 | (bytes[6] & 0x0f);
  bytes[8] = 0x80 | (bytes[8] & 0x3f);
  return bytes.toString("hex").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

// --- The receipt: the log of the key that we pinned holds the event, and it is this one ----------

function proved(receipt) {
  const [name, keyId, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(gateway.log_key).slice(1);
  const typedKey = Buffer.from(encoded, "base64");
  assert.equal(typedKey[0], 1, "the log's key is of another kind than Ed25519");
  assert.equal(sha256(`${name}\n`, typedKey).subarray(0, 4).toString("hex"), keyId);

  const event = JSON.parse(receipt.document);
  assert.equal(event.log, name, "the event is of another log");
  for (const disclosure of receipt.disclosures) assert.ok(event.sd.includes(digestOf(disclosure)));

  const cut = receipt.proof.indexOf("\n\n");
  const lines = receipt.proof.slice(0, cut).split("\n").filter((line) => !line.startsWith("extra "));
  const [kind, indexLine, ...path] = lines;
  assert.equal(kind, "c2sp.org/tlog-proof@v1");
  const note = receipt.proof.slice(cut + 2);
  const end = note.lastIndexOf("\n\n");
  const text = note.slice(0, end + 1);
  const signature = note.slice(end + 2).split("\n")
    .filter((line) => line.startsWith(`\u2014 ${name} `))
    .map((line) => Buffer.from(line.split(" ")[2], "base64"))
    .find((bytes) => bytes.subarray(0, 4).toString("hex") === keyId);
  assert.ok(signature, "the log has not signed the checkpoint");
  const x = typedKey.subarray(1).toString("base64url");
  const logKey = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  assert.ok(verify(null, text, logKey, signature.subarray(4)), "a false signature of the log");

  const [origin, size, root] = text.split("\n");
  assert.equal(origin, name);
  const nonce = Buffer.from(receipt.nonce, "base64url");
  const entry = Buffer.concat([Buffer.of(1), sha256("casegate-entry-v1\n", nonce, receipt.document)]);
  let [node, last] = [Number(indexLine.replace("index ", "")), Number(size) - 1];
  let found = sha256(Buffer.of(0), entry);
  assert.ok(node >= 0 && node <= last, "the index lies outside the tree");
  for (const sibling of path.map((line) => Buffer.from(line, "base64"))) { // RFC 9162 2.1.3.2
    assert.ok(last > 0, "the path is too long");
    if (node % 2 === 1 || node === last) {
      found = sha256(Buffer.of(1), sibling, found);
      while (node !== 0 && node % 2 === 0) [node, last] = [node / 2, Math.floor(last / 2)];
    } else {
      found = sha256(Buffer.of(1), found, sibling);
    }
    [node, last] = [Math.floor(node / 2), Math.floor(last / 2)];
  }
  assert.ok(last === 0 && found.toString("base64") === root, "the log does not contain this event");
  return event;
}

const submission = proved(submitted.receipt);
assert.equal(submission.type, "case.submitted");
assert.equal(submission.case_digest, caseDigest);
const event = proved(offered.receipt);
assert.equal(event.type, "handoff.offered");
assert.equal(event.document_sha256, documentDigest(offer), "another offer was recorded");
assert.equal(offered.result.offer, offer);

// The receipt can be read again at any time: the same event, proved by a later tree.
const again = proved(await call("GET", `/receipts/${event.id}`, authorization));
assert.deepEqual(again, event);

console.log(JSON.stringify({
  case: content.case,
  case_digest: caseDigest,
  handoff: offered.result.handoff,
  to: offered.result.to.organisation,
  kid,
  event: event.id,
  verified: true,
}));
