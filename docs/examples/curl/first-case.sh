#!/bin/sh
# A case handed over by curl and jq: token, case, offer; the receipts are kept as files.
#
#     sh first-case.sh FOLDER CASE.json ANALYST APPROVER
#
# FOLDER is what `casegate enrol` made, ANALYST and APPROVER are two persons of your staff register.
# The receipts are kept beside CASE.json.
# The gateway attests the documents: a shell signs none (see ../python, ../javascript).
set -eu
test $# -eq 4 || { echo "usage: sh $0 FOLDER CASE.json ANALYST APPROVER" >&2; exit 2; }
folder=$1 case_file=$2 analyst=$3 approver=$4

named() { sed -n "s/^$1 = \"\(.*\)\"/\1/p" "$folder/connection.toml"; }
call() {
    curl --silent --show-error --fail-with-body --max-time 30 --tlsv1.3 --cacert "$folder/$(named ca)" \
        --cert "$folder/$(named certificate)" --key "$folder/$(named key)" "$@"
}
# A write: its address, and its key, which a repetition has again. A refusal says what to do.
write() {
    call "$(named api_url)$1" --header "Idempotency-Key: $2" --header "Content-Type: application/json" \
        --header @"$place/authorization" --data-binary @- --output "$place/answer" ||
        { jq . "$place/answer" >&2; exit 1; }
    jq .receipt "$place/answer" >"$3"
}

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
umask 077 # the token stands in a file of ours: arguments can be seen by others
call "$(named api_url)/oauth/token" --data grant_type=client_credentials \
    --data "client_id=$(named client_id)" --output "$place/token" || { jq . "$place/token" >&2; exit 1; }
jq --raw-output '"Authorization: Bearer \(.access_token)"' "$place/token" >"$place/authorization"

case=$(jq --raw-output .case "$case_file")
receipts=$(dirname "$case_file")/$case
jq --arg analyst "$analyst" --arg approver "$approver" \
    '{by: $analyst, content: ., clearance: {assessed_by: $analyst, cleared_by: $approver,
      confirmed_matches: [.classifications[]?.id]}}' "$case_file" |
    write /cases "submit-$case" "$receipts.submitted.json"

# The id of a handoff is the originator's own, a UUIDv7 (RFC 9562 5.7): the time, then chance.
handoff=$(printf '%012x%s' "$(date +%s000)" "$(od -An -N9 -tx1 /dev/urandom | tr -d ' \n')" |
    sed 's/\(.\{8\}\)\(.\{4\}\)\(.\{3\}\)\(.\{3\}\)/\1-\2-7\3-8\4-/')
jq --arg approver "$approver" --arg handoff "$handoff" \
    '{by: $approver, handoff: $handoff, to: {competence: {matter: "csam", territory: "FR"}},
      groups: ["items", "statements", "classifications"], purpose: .marking.purpose[:1]}' "$case_file" |
    write "/cases/$case/handoffs" "offer-$handoff" "$receipts.offered.json"

jq --arg case "$case" '{case: $case, handoff: .result.handoff, to: .result.to.organisation,
    state: .result.state, due_at: .result.due_at}' "$place/answer"
echo "receipts: $receipts.submitted.json, $receipts.offered.json; casegate verify reads them" >&2
