"""Every sentence of a verification report, in English and in French: one whole sentence a key.

Codes, ids, digests and times stay as they are. The facts themselves are in `report`.
"""

import re
from collections.abc import Mapping
from typing import Any

from gateway.domain.item_value import defang_text

ENGLISH = "en"
FRENCH = "fr"
LANGUAGES = (ENGLISH, FRENCH)

_NB, _THIN = "\N{NO-BREAK SPACE}", "\N{NARROW NO-BREAK SPACE}"

CONTINUES = frozenset({"signed", "signed.logged", "attested", "attested.logged"})
"""The facts whose sentence goes on from the one before it: whose signature that act has."""

HEADINGS: Mapping[str, tuple[str, str]] = {
    "proved": ("Proved", "Prouvé"),
    "operator_word": ("Only the operator's word", "Sur la seule foi de l’exploitant"),
    "not_proved": ("Not proved by this file", "Non prouvé par ce fichier"),
    "content": ("Verified content", "Contenu vérifié"),
    "checks": ("Checks", "Contrôles"),
    "title": ("Verification report", "Rapport de vérification"),
    "file": ("File", "Fichier"),
    "details": (
        "Technical details of each check",
        "Détails techniques de chaque contrôle",
    ),
}
"""The words of a report's form."""

OUTCOMES: Mapping[str, tuple[str, str]] = {
    "ok": ("ok", "conforme"),
    "failed": ("failed", "échec"),
    "skipped": ("skipped", "non exécuté"),
}

_PASSED: Mapping[int, tuple[str, str]] = {
    0: ("VERIFIED.", "VÉRIFIÉ (VERIFIED)."),
    15: (
        "VERIFIED, INCOMPLETE: documents or events are missing.",
        "VÉRIFIÉ, INCOMPLET (VERIFIED, INCOMPLETE) : des documents ou des événements manquent.",
    ),
    17: (
        "VERIFIED AS THE OPERATOR'S WORD ONLY: an act of a party is not signed by that party.",
        "VÉRIFIÉ SUR LA SEULE FOI DE L’EXPLOITANT (VERIFIED AS THE OPERATOR'S WORD ONLY) : un "
        "acte d’une partie n’est pas signé par elle.",
    ),
    18: (
        "VERIFIED, DEMONSTRATION: the reference date was simulated.",
        "VÉRIFIÉ, DÉMONSTRATION (VERIFIED, DEMONSTRATION) : la date de référence est simulée.",
    ),
}

_FAILED: Mapping[int, tuple[str, str]] = {
    10: (
        "NOT VERIFIED: the format of the file is unknown",
        "NON VÉRIFIÉ (NOT VERIFIED) : le format du fichier est inconnu",
    ),
    11: (
        "NOT VERIFIED: a signature is not valid",
        "NON VÉRIFIÉ (NOT VERIFIED) : une signature n’est pas valable",
    ),
    12: (
        "NOT VERIFIED: there is no valid proof of inclusion in the log",
        "NON VÉRIFIÉ (NOT VERIFIED) : aucune preuve d’inclusion dans le journal n’est valable",
    ),
    13: (
        "NOT VERIFIED: documents in the file do not match each other",
        "NON VÉRIFIÉ (NOT VERIFIED) : des documents du fichier ne concordent pas",
    ),
    14: (
        "CANNOT DECIDE: a required key is not in the trust folder, where a member's key file is "
        "organisations/<id>.json",
        "INDÉTERMINÉ (CANNOT DECIDE) : une clé nécessaire est absente du dossier de clés, où le "
        "fichier de clés d’un membre est organisations/<id>.json",
    ),
    15: (
        "INCOMPLETE: evidence is missing",
        "INCOMPLET (INCOMPLETE) : des éléments de preuve manquent",
    ),
    16: (
        "CONTRADICTION: the gateway signed two incompatible documents. Keep them",
        "CONTRADICTION : la passerelle a signé deux documents incompatibles. Conservez-les",
    ),
    17: (
        "NOT VERIFIED: a document is not signed by its author",
        "NON VÉRIFIÉ (NOT VERIFIED) : un document n’est pas signé par son auteur",
    ),
    19: (
        "LET THROUGH: the gateway allowed what was closed",
        "PASSAGE INDU (LET THROUGH) : la passerelle a permis ce qui était fermé",
    ),
}

_ACTS: Mapping[str, tuple[str, str]] = {
    "case": (
        "{at}: {by} made version {version} of case {case}.",
        "{at} : {by} a établi la version {version} du dossier {case}.",
    ),
    "offer": (
        "{at}: {by} offered version {version} of case {case} to {to}, as handoff {handoff}.",
        "{at} : {by} a proposé la version {version} du dossier {case} à {to} "
        "(transmission {handoff}).",
    ),
    "update": (
        "{at}: {by} sent version {version} of case {case} to {to} in handoff {handoff}: {change}.",
        "{at} : {by} a envoyé la version {version} du dossier {case} à {to} dans la transmission "
        "{handoff}{nb}: {change}.",
    ),
    "offer.alone": (
        "{at}: {by} offered a case to {to}, as handoff {handoff}.",
        "{at} : {by} a proposé un dossier à {to} (transmission {handoff}).",
    ),
    "acceptance": (
        "{at}: {by} accepted handoff {handoff}, in whole or in part, under its conditions.",
        "{at} : {by} a accepté la transmission {handoff}, en tout ou en partie, à ses conditions.",
    ),
    "acceptance.partial": (
        "{at}: {by} accepted a part of handoff {handoff} under its conditions.",
        "{at} : {by} a accepté une partie de la transmission {handoff} à ses conditions.",
    ),
    "decline": (
        "{at}: {by} declined handoff {handoff}.",
        "{at} : {by} a décliné la transmission {handoff}.",
    ),
    "redirection": (
        "{at}: {by} redirected handoff {handoff}.",
        "{at} : {by} a réorienté la transmission {handoff}.",
    ),
    "outcome": (
        "{at}: {by} reported an outcome of handoff {handoff}.",
        "{at} : {by} a fait connaître une suite donnée à la transmission {handoff}.",
    ),
    "withdrawal": (
        "{at}: {by} withdrew handoff {handoff}.",
        "{at} : {by} a retiré la transmission {handoff}.",
    ),
    "call": (
        "{at}: {by} stated that it telephoned about handoff {handoff}.",
        "{at} : {by} a indiqué avoir téléphoné au sujet de la transmission {handoff}.",
    ),
    "closure": (
        "{at}: {by} closed handoff {handoff}.",
        "{at} : {by} a clôturé la transmission {handoff}.",
    ),
    "delay": (
        "{at}: {by} announced a later answer to handoff {handoff}.",
        "{at} : {by} a annoncé une réponse plus tardive à la transmission {handoff}.",
    ),
    "acknowledgement": (
        "{at}: {by} acknowledged the updates of handoff {handoff}.",
        "{at} : {by} a pris en compte les mises à jour de la transmission {handoff}.",
    ),
    "application": (
        "{at}: {by} told what it did with its copy after an update of handoff {handoff}.",
        "{at} : {by} a indiqué la suite donnée dans sa copie à une mise à jour de la transmission "
        "{handoff}.",
    ),
    "dispute": (
        "{at}: {by} disputed an update of handoff {handoff}.",
        "{at} : {by} a contesté une mise à jour de la transmission {handoff}.",
    ),
    "correction_proposal": (
        "{at}: {by} proposed a correction of what handoff {handoff} gave.",
        "{at} : {by} a proposé une rectification du contenu de la transmission {handoff}.",
    ),
    "onward_by_law": (
        "{at}: {by} stated that law obliged it to pass on what handoff {handoff} gave.",
        "{at} : {by} a déclaré que la loi l’obligeait à communiquer à un tiers le contenu de la "
        "transmission {handoff}.",
    ),
    "go_ahead": (
        "{at}: {by} agreed that the items of handoff {handoff} may be removed.",
        "{at} : {by} a accepté le retrait des contenus de la transmission {handoff}.",
    ),
    "correction_notice": (
        "{at}: {by} gave notice that what handoff {handoff} gave is corrected.",
        "{at} : {by} a avisé d’une rectification du contenu de la transmission {handoff}.",
    ),
    "update_omission": (
        "{at}: {by} left the recipient of handoff {handoff} out of an update.",
        "{at} : {by} n’a pas adressé de mise à jour au destinataire de la transmission {handoff}.",
    ),
    "proposal_answer": (
        "{at}: {by} answered the proposal of a correction in handoff {handoff}.",
        "{at} : {by} a répondu à une proposition de rectification dans la transmission {handoff}.",
    ),
    "retention": (
        "{at}: {by} claimed a legal basis to retain handoff {handoff} beyond the erasure.",
        "{at} : {by} a invoqué une base légale pour conserver la transmission {handoff} au-delà "
        "de l’effacement.",
    ),
    "recall": (
        "{at}: {by} recalled what handoff {handoff} gave, up to version {version}: {code}.",
        "{at} : {by} a rappelé le contenu de la transmission {handoff}, jusqu’à la version "
        "{version}{nb}: {code}.",
    ),
    "recall_acknowledgement": (
        "{at}: {by} stopped the use of what handoff {handoff} gave, after its recall.",
        "{at} : {by} a cessé d’utiliser le contenu de la transmission {handoff}, après son rappel.",
    ),
    "recall_answer": (
        "{at}: {by} answered the recall of handoff {handoff}.",
        "{at} : {by} a répondu au rappel de la transmission {handoff}.",
    ),
    "reissue": (
        "{at}: the gateway reissued handoff {handoff} of {by}, because a mandate moved.",
        "{at} : la passerelle a réémis la transmission {handoff} de {by}, une compétence ayant "
        "changé de titulaire.",
    ),
    "lapse": (
        "{at}: handoff {handoff} to {by} lapsed, because a mandate moved.",
        "{at} : la transmission {handoff} à {by} est devenue caduque, une compétence ayant "
        "changé de titulaire.",
    ),
}

_SENTENCES: Mapping[str, tuple[str, str]] = {
    **_ACTS,
    "signed": (
        "That document is signed by {by} itself, key {kid}.",
        "Ce document est signé par {by} (clé {kid}).",
    ),
    "signed.logged": (
        "That document is signed by {by} itself, key {kid}, and recorded as entry {entry}.",
        "Ce document est signé par {by} (clé {kid}) et inscrit au journal (entrée {entry}).",
    ),
    "attested": (
        "That document is attested by the gateway {issuer} for {by}, key {kid}; it is only as "
        "reliable as the gateway's operator.",
        "La passerelle {issuer} a signé ce document au nom de {by} (clé {kid}) ; sa fiabilité "
        "dépend de l’exploitant de la passerelle.",
    ),
    "attested.logged": (
        "That document is attested by the gateway {issuer} for {by}, key {kid}, and recorded as "
        "entry {entry}; it is only as reliable as the gateway's operator.",
        "La passerelle {issuer} a signé ce document au nom de {by} (clé {kid}), inscrit au "
        "journal (entrée {entry}) ; sa fiabilité dépend de l’exploitant de la passerelle.",
    ),
    "documents": (
        "{signed} of {all} documents are signed by their authors.",
        "Documents signés par leur auteur : {signed} sur {all}.",
    ),
    "log": (
        "The log {log} contains the offer and all answers shown.",
        "L’offre et toutes les réponses présentées sont inscrites au journal {log}.",
    ),
    "state": (
        "After entry {entry} the state of the handoff was {states}.",
        "Après l’entrée {entry}, l’état de la transmission était{nb}: {states}.",
    ),
    "reissued_from": (
        "The gateway reissued handoff {handoff} because the mandate moved from {predecessor} to "
        "{successor}, by event {event}.",
        "La passerelle a réémis la transmission {handoff}, la compétence étant passée de "
        "{predecessor} à {successor} (événement {event}).",
    ),
    "reissued_from.original": (
        "The original offer by {by} has the same terms.",
        "L’offre initiale de {by} a les mêmes termes.",
    ),
    "reissued_from.no_original": (
        "The original offer is not in this file.",
        "L’offre initiale n’est pas dans ce fichier.",
    ),
    "succession": (
        "The succession was planned under {act}: entry {entry} of the log {log}.",
        "Le transfert de compétence a été prévu par {act} (entrée {entry} du journal {log}).",
    ),
    "mandate": (
        "{organisation} was registered as competent for {competence} from {start} on, by {act}: "
        "event {event}, entry {entry}.",
        "L’organisme {organisation} a été enregistré comme compétent pour {competence} à partir "
        "du {start}, par {act} (événement {event}, entrée {entry}).",
    ),
    "mandate.unproved": (
        "This file does not prove that {organisation} held the mandate {competence}; the offer "
        "refers to event {event}.",
        "Ce fichier ne prouve pas que l’organisme {organisation} était compétent pour "
        "{competence} ; l’offre renvoie à l’événement {event}.",
    ),
    "mandate.ended": (
        "This file does not show whether the mandate had been ended before the offer.",
        "Ce fichier ne montre pas si la compétence avait pris fin avant l’offre.",
    ),
    "mandate.end": (
        "Entry {entry}, before the offer, ended that mandate of {organisation} from {day} on, "
        "which is not before the offer.",
        "L’entrée {entry}, antérieure à l’offre, a mis fin à cette compétence de {organisation} "
        "à partir du {day}, qui n’est pas antérieur à l’offre.",
    ),
    "mandate.end.later": (
        "After the offer, entry {entry} ended that mandate of {organisation} from {day} on.",
        "Après l’offre, l’entrée {entry} a mis fin à cette compétence de {organisation} à partir "
        "du {day}.",
    ),
    "consulted": (
        "{at}: the gateway recorded the consultation of exactly this presentation, {elements} "
        "elements: entry {entry}.",
        "{at} : la passerelle a enregistré la consultation de cette présentation exactement, "
        "{elements} éléments (entrée {entry}).",
    ),
    "consulted.other": (
        "{at}: the gateway recorded a consultation of the case: entry {entry}.",
        "{at} : la passerelle a enregistré une consultation du dossier (entrée {entry}).",
    ),
    "consulted.superseded": (
        "{at}: the gateway recorded a consultation of an older package, after its update: entry "
        "{entry}.",
        "{at} : la passerelle a enregistré la consultation d’un lot plus ancien, après sa mise à "
        "jour (entrée {entry}).",
    ),
    "attempt": (
        "{at}: a REFUSED attempt is on record, {type} ({result}); nothing was done: entry {entry}.",
        "{at} : une tentative REFUSÉE est enregistrée, {type} ({result}) ; rien n’a été "
        "exécuté (entrée {entry}).",
    ),
    "event": (
        "{at}: the gateway recorded {type}: entry {entry}.",
        "{at} : la passerelle a enregistré {type} (entrée {entry}).",
    ),
    "erased": (
        "{at}: the gateway recorded that it erased its copy of the case: entry {entry}.",
        "{at} : la passerelle a enregistré l’effacement de sa copie du dossier (entrée {entry}).",
    ),
    "one_history": (
        "All checkpoints of the log {log} in this file are of one history.",
        "Tous les points de contrôle du journal {log} présents ici relèvent d’une seule histoire.",
    ),
    "one_history.unproved": (
        "This file does not show that all checkpoints of the log {log} are of one history; it "
        "shows no contradiction. A copy of the log does.",
        "Ce fichier ne montre pas que tous les points de contrôle du journal {log} relèvent "
        "d’une seule histoire ; il ne montre aucune contradiction. Une copie du journal le permet.",
    ),
    "times": (
        "Times come from the gateway's clock or the author's; they are not qualified electronic "
        "time stamps.",
        "Les heures proviennent de l’horloge de la passerelle ou de l’auteur ; il ne s’agit pas "
        "d’horodatages électroniques qualifiés au sens du règlement eIDAS.",
    ),
    "stream": (
        "The event of the answer by {organisation} is number {number} of its own event stream: "
        "ask {organisation} to confirm it.",
        "L’événement de la réponse de {organisation} porte le numéro {number} de son flux : "
        "demandez-lui confirmation.",
    ),
    "stream.unproved": (
        "This file does not show the number that the answers have in the event stream of "
        "{organisation}: ask {organisation} whether it made them.",
        "Ce fichier ne montre pas le numéro de ces réponses dans le flux d’événements de "
        "{organisation} : demandez-lui si elle en est l’auteur.",
    ),
    "condition.law": (
        "{by} says that law obliges to its condition {condition}: {reference}. Nothing checks it.",
        "{by} affirme que la loi impose sa condition {condition} : {reference}. Rien ne le "
        "vérifie.",
    ),
    "condition.agreement": (
        "{by} says that an agreement obliges to its condition {condition}: {reference}. Nothing "
        "checks it.",
        "{by} affirme qu’un accord impose sa condition {condition} : {reference}. Rien ne le "
        "vérifie.",
    ),
    "reservation": (
        "{by} accepted with a reservation about {condition}: {legal_basis}. Nothing checks it.",
        "{by} a accepté avec une réserve sur {condition} : {legal_basis}. Rien ne le vérifie.",
    ),
    "later": (
        "This file may not show later events, such as a withdrawal. Ask the other party.",
        "Ce fichier ne montre pas nécessairement les événements ultérieurs, par exemple un "
        "retrait. Renseignez-vous auprès de l’autre partie.",
    ),
    "outcomes": (
        "Outcomes, consultations and refused attempts may be missing from this file.",
        "Des suites données, des consultations et des tentatives refusées peuvent manquer.",
    ),
    "outcomes.later": (
        "Later answers, consultations and refused attempts may be missing from this file.",
        "Des réponses ultérieures, des consultations et des tentatives refusées peuvent manquer.",
    ),
    "numbered": (
        "The gateway numbered the answers: up to the last one that shows its number, none is "
        "missing.",
        "La passerelle a numéroté les réponses : jusqu’à la dernière dont le numéro est présenté, "
        "aucune ne manque.",
    ),
    "lacking": (
        "Answers that are not in this file, before the last one that shows its number: {number}.",
        "Réponses absentes de ce fichier, avant la dernière dont le numéro est présenté : "
        "{number}.",
    ),
    "absent": (
        "Not in this file: the document of {type}, entry {entry}.",
        "Absent de ce fichier : le document de {type}, entrée {entry}.",
    ),
    "package.missing": (
        "Not in this file: the package that was updated, of the offer {offer}.",
        "Absent de ce fichier : le lot mis à jour, de l’offre {offer}.",
    ),
    "package.announced": (
        "A newer version of the case was announced (entry {entry}); it is not in this file.",
        "Une version plus récente du dossier a été annoncée (entrée {entry}) ; elle est absente de "
        "ce fichier.",
    ),
    "package.later": (
        "A later package, or a correction notice, may exist that is not in this file.",
        "Un lot ultérieur, ou un avis de rectification, peut exister sans figurer dans ce fichier.",
    ),
    "recall.missing": (
        "The handoff was recalled (entry {entry}); the document of the recall is not in this file.",
        "La transmission a été rappelée (entrée {entry}) ; le document du rappel est absent de ce "
        "fichier.",
    ),
    "recall.persons": (
        "That two persons of {by} decided the recall: this file does not show both.",
        "Que deux personnes de {by} ont décidé le rappel : ce fichier ne les montre pas toutes les "
        "deux.",
    ),
    "coverage.none": (
        "No handoff of case {case} was recalled.",
        "Aucune transmission du dossier {case} n’a été rappelée.",
    ),
    "coverage.recalled": (
        "Handoff {handoff} was recalled (entry {entry}).",
        "La transmission {handoff} a été rappelée (entrée {entry}).",
    ),
    "coverage.given": (
        "{at}: the holder gave what it owed after the recall of handoff {handoff}: {what} (entry "
        "{entry}).",
        "{at} : le détenteur a fourni ce qu’il devait après le rappel de la transmission {handoff}"
        "{nb}: {what} (entrée {entry}).",
    ),
    "coverage.owed": (
        "The holder still owes after the recall of handoff {handoff}: {what}.",
        "Le détenteur doit encore, après le rappel de la transmission {handoff}{nb}: {what}.",
    ),
    "coverage.late": (
        "LATE: the holder owes after the recall of handoff {handoff}: {what}.",
        "EN RETARD : le détenteur doit, après le rappel de la transmission {handoff}{nb}: {what}.",
    ),
    "notice.missing": (
        "Not in this file: the correction notice {notice}, which an answer is about.",
        "Absent de ce fichier : l’avis de rectification {notice}, sur lequel porte une réponse.",
    ),
    "embargo": (
        "Entry {entry} came while the embargo of entry {embargo} held. Law enforcement may have "
        "such an offer, others may not for removal; this file does not show which applies.",
        "L’entrée {entry} est intervenue pendant l’embargo de l’entrée {embargo}. Une telle offre "
        "est permise aux autorités répressives, aux autres non pour un retrait ; ce fichier ne "
        "montre pas lequel des deux s’applique.",
    ),
    "legal_basis": (
        "{by} states the legal basis {article} ({regime}). Nothing checks it.",
        "{by} invoque la base légale {article} ({regime}). Rien ne le vérifie.",
    ),
    "gaps": (
        "Moves between the events shown that are not in this file: {number}.",
        "Changements d’état entre les événements présentés, absents de ce fichier : {number}.",
    ),
    "withheld": (
        "Digests without content, padding included: {case} of the case, {answers} of the offer "
        "and answers, {events} of the events.",
        "Empreintes sans contenu, remplissage compris : {case} du dossier, {answers} de l’offre "
        "et des réponses, {events} des événements.",
    ),
    "withheld.document": (
        "Digests without content in this file, padding included: {number}.",
        "Empreintes sans contenu dans ce fichier, remplissage compris : {number}.",
    ),
    "withheld.event": (
        "{number} details are not disclosed (for other readers, erased, or padding).",
        "Détails non communiqués (destinés à d’autres, effacés, ou remplissage) : {number}.",
    ),
    "sealed": (
        "Only {organisation} can read {number} sealed elements of this case.",
        "Seul l’organisme {organisation} peut lire {number} éléments chiffrés de ce dossier.",
    ),
    "elements": (
        "{shown} elements of the case are shown, and the offer covers each.",
        "{shown} éléments du dossier sont présentés, tous couverts par l’offre.",
    ),
    "elements.document": ("{shown} elements are shown.", "{shown} éléments sont présentés."),
    "signed_only": (
        "{organisation} had allowed the gateway no more to sign for it from entry {entry} on.",
        "{organisation} n’autorisait plus la passerelle à signer en son nom depuis l’entrée "
        "{entry}.",
    ),
    "simulated": (
        "The reference date was simulated ({dates}): this is not evidence of a real exchange.",
        "La date de référence est simulée ({dates}) : ce document ne prouve aucun échange réel.",
    ),
    "key.registered": (
        "The key of {organisation} ({kid}) was registered on {at}: entry {entry}.",
        "La clé de {organisation} ({kid}) a été enregistrée le {at} (entrée {entry}).",
    ),
    "key.registration.unproved": (
        "Only your key file confirms that the key of {organisation} is theirs.",
        "Seul votre fichier de clés confirme que la clé de {organisation} est la sienne.",
    ),
    "key.revocation.unproved": (
        "This file does not show whether the key of {organisation} had been revoked.",
        "Ce fichier ne permet pas de savoir si la clé de {organisation} avait été révoquée.",
    ),
    "key.unrevoked": (
        "The gateway {issuer} signed that the first {size} entries of the log {log} do not revoke "
        "the key of {organisation} ({kid}).",
        "La passerelle {issuer} a signé que les {size} premières entrées du journal {log} ne "
        "révoquent pas la clé de {organisation} ({kid}).",
    ),
    "key.revoked.after": (
        "The key of {organisation} was revoked by entry {entry}. The log contained its documents "
        "before that.",
        "La clé de {organisation} a été révoquée par l’entrée {entry}. Ses documents étaient "
        "inscrits au journal avant.",
    ),
    "key.revoked.undated": (
        "The key of {organisation} was revoked by entry {entry}. This file does not show that "
        "the log contained its documents before that.",
        "La clé de {organisation} a été révoquée par l’entrée {entry}. Ce fichier ne montre pas "
        "que ses documents étaient inscrits au journal avant.",
    ),
    "unlogged": (
        "This file does not show whether the log contains the document, nor to whom it was "
        "offered: the evidence bundle of the handoff does.",
        "Ce fichier ne montre ni si le document est inscrit au journal, ni à qui il a été "
        "proposé : le dossier de preuves de la transmission le montre.",
    ),
    "recorded": (
        "The log {log} contains {type} ({result}) of {at} as entry {entry} of {size}.",
        "Le journal {log} contient {type} ({result}) du {at} (entrée {entry} sur {size}).",
    ),
    "recorded.attempt": (
        "The log {log} contains the genuine record of a REFUSED attempt, {type} ({result}) of "
        "{at}, as entry {entry} of {size}. Nothing was done.",
        "Le journal {log} contient l’enregistrement authentique d’une tentative REFUSÉE, {type} "
        "({result}) du {at} (entrée {entry} sur {size}). Rien n’a été exécuté.",
    ),
    "recorded.word": (
        "That it happened as recorded is the word of the gateway; the log only shows that the "
        "record was not changed since.",
        "Que les faits soient tels qu’enregistrés repose sur la passerelle ; le journal montre "
        "seulement que l’enregistrement n’a pas été modifié depuis.",
    ),
    "membership": (
        "The gateway {issuer} attested that {organisation} was {membership}, from {at} to {end}.",
        "La passerelle {issuer} a attesté la qualité de membre de {organisation} "
        "({membership}), du {at} au {end}.",
    ),
    "membership.later": (
        "Check that it has not expired. It cannot show later changes, such as a suspension.",
        "Vérifiez qu’elle n’a pas expiré. Elle ne peut montrer les changements ultérieurs, par "
        "exemple une suspension.",
    ),
    "stream.complete": (
        "These are all {number} events of {organisation} in the log {log} up to {at} ({size} "
        "entries).",
        "Voici tous les {number} événements de {organisation} dans le journal {log} jusqu’au "
        "{at} ({size} entrées).",
    ),
    "stream.last": (
        "The gateway signed that {number} is the last number: any other event of {organisation} "
        "in those entries would prove that the gateway signed a false statement.",
        "La passerelle a signé que {number} est le dernier numéro : tout autre événement de "
        "{organisation} dans ces entrées prouverait que cette attestation est fausse.",
    ),
    "stream.later": ("Later events are not shown.", "Les événements ultérieurs ne figurent pas."),
    "stream.fork": (
        "The log was not checked for a fork beyond what these files name: that needs a copy of "
        "the log (--log).",
        "L’absence de bifurcation du journal n’a été vérifiée que pour ce que nomment ces "
        "fichiers : une copie du journal (--log) est nécessaire.",
    ),
    "copy": (
        "This copy has all {size} entries of the log {log} up to its signed checkpoint, and every "
        "hash matches.",
        "Cette copie contient les {size} entrées du journal {log} jusqu’à son point de contrôle "
        "signé, et toutes les empreintes concordent.",
    ),
    "account": (
        "Of the {size} entries of the log {log}, {opened} are opened by a receipt and {withheld} "
        "are not.",
        "Sur les {size} entrées du journal {log}, {opened} sont ouvertes par un récépissé et "
        "{withheld} ne le sont pas.",
    ),
    "account.organisation": (
        "{organisation}: {number} events, the last of which is number {last} of its stream; "
        "{missing} before it are not shown.",
        "{organisation} : {number} événements, dont le dernier porte le numéro {last} de son "
        "flux ; {missing} événements antérieurs ne sont pas présentés.",
    ),
    "account.later": (
        "The last {number} entries, from {entry} on, have no receipt: they are later than all that "
        "is shown. Copy the log first, then search.",
        "Les {number} dernières entrées, à partir de l’entrée {entry}, n’ont pas de récépissé : "
        "elles sont postérieures à tout ce qui est présenté. Copiez d’abord le journal, puis "
        "cherchez.",
    ),
    "account.details_erased": (
        "{organisation}: {details} details of {entries} entries ended with the term of the log, "
        "the gateway's events say.",
        "{organisation} : {details} détails de {entries} entrées ont été effacés au terme de leur "
        "conservation, selon les événements de la passerelle.",
    ),
    "account.withheld": (
        "The first entry without a receipt is {entry}: it lies outside the search or the audit "
        "access, or was withheld. No event is ever erased.",
        "La première entrée sans récépissé est l’entrée {entry} : hors de la recherche ou du "
        "droit d’audit, ou retenue. Aucun événement n’est jamais effacé.",
    ),
    "account.beyond": (
        "Receipts of entries after the end of the copy: {number}.",
        "Récépissés d’entrées postérieures à la fin de la copie : {number}.",
    ),
    "copy.documents": (
        "It does not show the documents behind the entries: receipts do.",
        "Elle ne montre pas les documents correspondant aux entrées : les récépissés le font.",
    ),
    "continued": (
        "{at}: the new log {log} began by continuing {old} from {size} entries on. Receipts of "
        "{old} stay verifiable with its own key.",
        "{at} : le nouveau journal {log} a commencé par continuer {old} à partir de {size} "
        "entrées. Les récépissés de {old} restent vérifiables avec la clé de celui-ci.",
    ),
    "continued.word": (
        "That {log} has the same operator as {old} is the word of {log}; {old} did not sign it.",
        "Que {log} et {old} aient le même exploitant repose sur {log} ; {old} ne l’a pas signé.",
    ),
    "continued.lost": (
        "The entries {first} to {last} were signed and are in no copy that the new log names: only "
        "the parties' receipts show them.",
        "Les entrées {first} à {last} ont été signées et ne sont dans aucune copie nommée par le "
        "nouveau journal : seuls les récépissés des parties les montrent.",
    ),
}

_STATES: Mapping[str, str] = {
    "offered": "proposée",
    "accepted": "acceptée",
    "partially_accepted": "partiellement acceptée",
    "declined": "déclinée",
    "redirected": "réorientée",
    "withdrawn": "retirée",
    "closed": "clôturée",
    "reissued": "réémise",
    "lapsed": "caduque",
}
"""The states of a handoff in French."""

_TITLES: Mapping[str, str] = {
    "The file is an evidence bundle": "Le fichier est un dossier de preuves",
    "The signature of the case version is valid": "La signature de la version du dossier est "
    "valable",
    "The signature of the offer is valid": "La signature de l’offre est valable",
    "The offer covers this case version and comes from its originator": "L’offre porte sur cette "
    "version du dossier et provient de son émetteur",
    "The offer covers every element shown": "L’offre couvre tous les éléments présentés",
    "The signature of every answer is valid": "La signature de chaque réponse est valable",
    "Every answer refers to this handoff, case version, offer and package": "Chaque réponse se "
    "rapporte à cette transmission, à cette version du dossier, à cette offre et à ce lot",
    "Every receipt proves that the same log contains its event": "Chaque récépissé prouve que le "
    "même journal contient l’événement correspondant",
    "The log has one history": "Le journal n’a qu’une histoire",
    "Every receipt belongs to this handoff": "Chaque récépissé se rapporte à cette transmission",
    "The log records the offer and every answer": "L’offre et toutes les réponses sont inscrites "
    "au journal",
    "The times are possible": "Les heures sont possibles",
    "The recipient was registered for the mandate": "Le destinataire était enregistré pour cette "
    "compétence",
    "Origin of each member's key": "Origine de la clé de chaque membre",
    "No attested document breaks a promise to sign": "Aucun document attesté ne contredit un "
    "engagement de signer",
    "The events follow each other in a possible order": "L’ordre des événements est cohérent",
    "Nothing went through that was closed": "Rien n’est passé de ce qui était fermé",
    "Undisclosed elements are counted": "Décompte des éléments non communiqués",
    "The file is a receipt": "Le fichier est un récépissé",
    "The log of the event is trusted": "Le journal de l’événement est de confiance",
    "Every disclosure belongs to the event": "Chaque divulgation appartient à l’événement",
    "The log contains the event": "Le journal contient l’événement",
    "The file is a signed document": "Le fichier est un document signé",
    "The signature is valid": "La signature est valable",
    "Every disclosure belongs to the document": "Chaque divulgation appartient au document",
    "Origin of the key": "Origine de la clé",
    "The log contains the event of every receipt": "Le journal contient l’événement de chaque "
    "récépissé",
    "The copy has the same entries": "La copie contient les mêmes entrées",
    "A new log continues this one": "Un nouveau journal continue celui-ci",
    "Every number of a party belongs to one event": "Chaque numéro d’une partie correspond à un "
    "seul événement",
    "A trusted log signed every checkpoint and proof": "Un journal de confiance a signé chaque "
    "point de contrôle et chaque preuve",
    "A trusted log signed the checkpoint": "Un journal de confiance a signé le point de contrôle",
    "Every entry is present and matches its leaf hash": "Chaque entrée est présente et correspond "
    "à l’empreinte de sa feuille",
    "Every tile matches the tiles below it": "Chaque tuile correspond à celles qu’elle résume",
    "The tiles hash to the signed root": "Les tuiles mènent à la racine signée",
    "The gateway signed the last number of one stream": "La passerelle a signé le dernier numéro "
    "d’un seul flux",
    "Every receipt has a number in this stream": "Chaque récépissé a un numéro dans ce flux",
    "Every number belongs to one event": "Chaque numéro correspond à un seul événement",
    "The numbers are in the order of the log": "Les numéros suivent l’ordre du journal",
    "No number is missing, and none is later than the last": "Aucun numéro ne manque, et aucun ne "
    "dépasse le dernier",
    "Every document is signed by its author": "Chaque document est signé par son auteur",
    "The format of the file is known": "Le format du fichier est connu",
    "The gateway signed the attestation, and its form is valid": "La passerelle a signé "
    "l’attestation, et sa forme est valable",
    "The attestation names an organisation and an expiry time": "L’attestation nomme un organisme "
    "et une échéance",
}


_REASONS: Mapping[str, str] = {
    "the file is {0}, not a receipt, a signed document or a bundle": "le fichier n’est ni un "
    "récépissé, ni un document signé, ni un dossier de preuves ({0})",
    "the JSON cannot be read: {0}": "le JSON est illisible : {0}",
    "{0} cannot be read: {1}": "une partie ({0}) est illisible : {1}",
    "a receipt has document, nonce, disclosures and proof": "un récépissé se compose de document, "
    "nonce, disclosures et proof",
    "the signature is not that of the key {0}": "la signature n’est pas celle de la clé {0}",
    "the document does not end after its disclosures, with a tilde": "le document n’est pas "
    "entier : il ne se termine pas par un tilde",
    "no valid proof that the log contains the event: {0}": "aucune preuve valable que le journal "
    "contient l’événement : {0}",
    "a disclosure belongs to another event": "une divulgation appartient à un autre événement",
    "a disclosure does not belong to the document": "une divulgation n’appartient pas au document",
    "no key was provided for {0}": "aucune clé n’a été fournie ({0})",
    "no receipt proves {0} for a document in this file": "aucun récépissé ne prouve {0} pour un "
    "document de ce fichier",
    "{0} is of another {1}": "une pièce ne concorde pas avec les autres ({0} : {1})",
    "the offer is for another case version": "l’offre porte sur une autre version du dossier",
    "the originator of the case did not make the offer": "l’offre n’est pas de l’émetteur du "
    "dossier",
    "shown, but not covered by the offer: {0}": "présenté, mais non couvert par l’offre : {0}",
    "the gateway let through, at entry {0}, what the {1} of entry {2} had closed, unless this file "
    "leaves out what opened it": "la passerelle a laissé passer, à l’entrée {0}, ce que la mesure "
    "({1}) de l’entrée {2} avait fermé, à moins que ce fichier n’omette ce qui l’a rouvert",
    "the {0} is of another notice than the newest": "une réponse ({0}) ne porte pas sur le dernier "
    "avis de rectification",
    "the {0} answers another recall": "une réponse ({0}) porte sur un autre rappel",
    "the recall does not cover every package": "le rappel ne couvre pas tous les lots",
    "a second person is missing in the recall": "la seconde personne manque dans le rappel",
    "an answer is in the log before its recall": "une réponse figure au journal avant son rappel",
    "a recall has two final answers": "un rappel a reçu deux réponses définitives",
    "the {0} answers a notice": "une réponse ({0}) porte sur un avis auquel elle ne peut répondre",
    "an acceptance does not repeat the conditions of its offer": "une acceptation ne reprend pas "
    "les conditions de son offre",
    "the receipts are of several logs": "les récépissés proviennent de plusieurs journaux",
    "a document occurs twice": "un document figure deux fois",
    "answer {0} cannot follow the earlier events": "la réponse {0} ne peut pas suivre les "
    "événements antérieurs",
    "a key was registered after it was used": "une clé a été enregistrée après son utilisation",
    "a key was used after it was revoked": "une clé a été utilisée après sa révocation",
    "the mandate of {0} for {1} ended on {2}, before the offer was made": "la compétence de {0} "
    "pour {1} avait pris fin le {2}, avant l’offre",
    "the mandate began on {0}, after the offer was made": "la compétence n’a commencé que le {0}, "
    "après l’offre",
    "the offer refers to another registration": "l’offre renvoie à un autre enregistrement",
    "the gateway signed on behalf of {0}": "la passerelle a signé au nom de {0}",
    "the log {0} signed two histories: they differ in at least one of the entries {1} to {2}": "le "
    "journal {0} a signé deux histoires, qui diffèrent par une entrée au moins, de {1} à {2}",
    "the log signed another root for {0} entries than the copy has, whose checkpoint it signed as "
    "well: it is forked": "le journal a signé pour {0} entrées une autre racine que celle de la "
    "copie, dont il a aussi signé le point de contrôle : il a deux histoires",
    "entry {0} is another one in the copy than in a receipt, and the log signed both": "l’entrée "
    "{0} diffère entre la copie et un récépissé, et le journal a signé les deux",
    "the gateway signed that a key was not revoked, and it was": "la passerelle a signé qu’une clé "
    "n’était pas révoquée, et elle l’était",
    "the stream head is missing": "la déclaration de fin du flux est absente",
    "missing: number {0} ({1} of {2})": "il manque : numéro {0} ({1} sur {2})",
    "the number {0} belongs to {1} events (entries {2})": "le numéro {0} désigne {1} événements "
    "(entrées {2})",
    "the event {0} (entry {1}) has the numbers {2}": "l’événement {0} (entrée {1}) a les numéros "
    "{2}",
    "there is no checkpoint: this is not a copy of a log": "il n’y a pas de point de contrôle : ce "
    "n’est pas une copie d’un journal",
    "these files do not contradict each other": "ces fichiers ne se contredisent pas",
}
"""Why a check failed, in French, by the English sentence: values by their place."""

_KINDS_OF_FILES: Mapping[str, str] = {
    "empty": "vide",
    "a PDF": "PDF",
    "a ZIP archive": "archive ZIP",
    "a proof without its event": "preuve sans son événement",
    "a checkpoint": "point de contrôle",
    "an answer: keep its member 'receipt' as a file": "réponse, dont le membre « receipt » est à "
    "conserver comme fichier",
    "something else": "autre chose",
}
"""Values of `_REASONS` that are words."""


_DETAILS: Mapping[str, str] = {
    r"(\d+) answers?, (\d+) receipts?": "réponses : {0}, récépissés : {1}",
    r"(\w+ )?attested by the gateway for (\S+), key (\S+)": "{0}attesté par la passerelle pour "
    "{1}, clé {2}",
    r"(\w+ )?signed by (\S+) itself, key (\S+)": "{0}signé par {1}, clé {2}",
    r"attested by the gateway, key (\S+)": "attesté par la passerelle, clé {0}",
    r"offered by (\S+) to ([^\s,]+)": "proposé par {0} à {1}",
    r"offered by (\S+) to (\S+), in (\d+) packages": "proposé par {0} à {1}, en {2} lots",
    r"offered by (\S+) to (\S+), reissued": "proposé par {0} à {1}, réémis",
    r"the original offer is in this file": "l’offre initiale est dans ce fichier",
    r"the original offer is not in this file": "l’offre initiale n’est pas dans ce fichier",
    r"(\d+) of (\d+) elements? shown": "éléments présentés : {0} sur {1}",
    r"(\d+) answers?": "réponses : {0}",
    r"(\d+) measures?": "mesures : {0}",
    r"(\d+) documents?": "documents : {0}",
    r"(\S+) is entry (\d+)": "{0} : entrée {1}",
    r"(\d+) checkpoints?, shown": "points de contrôle : {0}, montré",
    r"(\d+) checkpoints?, not shown, nor contradicted": "points de contrôle : {0}, ni montré, ni "
    "contredit",
    r"entry (\d+) records the consultation of this presentation": "l’entrée {0} enregistre la "
    "consultation de cette présentation",
    r"not in this file: document of (\S+), entry (\d+)": "absent de ce fichier : le document de "
    "{0}, entrée {1}",
    r"offered (\S+)": "proposé le {0}",
    r"the offer addresses an organisation": "l’offre s’adresse à un organisme",
    r"not proved: no receipt of event (\S+) is in this file": "non prouvé : aucun récépissé de "
    "l’événement {0} n’est dans ce fichier",
    r"(\S+) for (\S+) from (\S+), (.+), entry (\d+)": "{0} pour {1} à partir du {2}, {3}, entrée "
    "{4}",
    r"no document here is signed with a member's own key": "aucun document n’est signé par la clé "
    "d’un membre",
    r"key (\S+) of (\S+): registered on (\S+) by event (\S+), entry (\d+) of the log (\S+), the "
    r"organisation's first key, without a countersignature": "clé {0} de {1} : enregistrée le {2} "
    "par l’événement {3}, entrée {4} du journal {5}, première clé, sans contreseing",
    r"key (\S+) of (\S+): registered on (\S+) by event (\S+), entry (\d+) of the log (\S+), "
    r"countersigned with key (\S+)(?: \(not checked.+)?": "clé {0} de {1} : enregistrée le {2} par "
    "l’événement {3}, entrée {4} du journal {5}, contresignée par la clé {6}",
    r"key (\S+) of (\S+): revoked on (\S+) by event (\S+), entry (\d+) of the log (\S+)": "clé {0} "
    "de {1} : révoquée le {2} par l’événement {3}, entrée {4} du journal {5}",
    r"key (\S+) of (\S+): only your key file confirms it, no registration is proved": "clé {0} de "
    "{1} : seul votre fichier de clés la confirme, aucun enregistrement n’est prouvé",
    r"key (\S+) of (\S+): no evidence whether it was revoked": "clé {0} de {1} : rien n’indique si "
    "elle a été révoquée",
    r"(\d+) promises? to sign, or its end, shown": "engagements de signer, ou leur fin : {0}",
    r"the state of the handoff at entry (\d+) was (.+)": "état de la transmission à l’entrée {0} : "
    "{1}",
    r"(\d+) of the case": "{0} du dossier",
    r"(\d+) of the answers": "{0} des réponses",
    r"(\d+) of the events": "{0} des événements",
    r"event (\S+)": "événement {0}",
    r"entries with a receipt: (\d+)": "entrées avec un récépissé : {0}",
    r"entries with a receipt: (\d+), (\d+) of later entries": "entrées avec un récépissé : {0}, et "
    "{1} au-delà de la copie",
    r"(\d+) organisations?": "organismes : {0}",
    r"(\d+) of them": "au nombre de {0}",
    r"(\d+) entr(?:y|ies)": "entrées : {0}",
    r"(\S+), (\d+) entr(?:y|ies)": "{0}, entrées : {1}",
    r"(\d+) tiles? above the leaves": "tuiles au-dessus des feuilles : {0}",
    r"the same root": "la même racine",
    r"(\d+) receipts?": "récépissés : {0}",
    r"(\S+) is a party of every event": "{0} est partie à chaque événement",
    r"the stream head covers the entries before entry (\d+)": "la déclaration couvre les entrées "
    "avant l’entrée {0}",
    r"(\d+) to (\d+)": "de {0} à {1}",
    r"one root for each of (\d+) sizes? shown": "une seule racine pour chacune des tailles "
    "présentées ({0})",
    r"(\d+) of (\d+) roots are those of the copy": "{0} racines sur {1} sont celles de la copie",
    r"number (\d+) is the last of (\S+) at (\S+), with (\d+) entr(?:y|ies) in the log (\S+), key "
    r"(\S+)": "le numéro {0} est le dernier de {1} le {2} ; le journal {4} compte alors {3} "
    "entrées (clé {5})",
    r"the newest of (\d+) stream heads": "la plus récente de {0} déclarations",
    r"entry (\d+)": "entrée {0}",
    r"(case version|offer|answer), digest (\S+)": "{0}, empreinte {1}",
}
"""What a check that passed found, in French, by the form of the English clause."""


def detail(found: str, passed: bool, language: str) -> str:
    """What a check found, or why it failed; a clause that is not in the tables stays English."""
    if not passed:
        return reason(found, language)
    clauses = found.split("; ") if language == FRENCH else ()
    return "; ".join(_in_french(clause) for clause in clauses) or found


def _in_french(clause: str) -> str:
    for english, french in _DETAILS.items():
        if matched := re.fullmatch(english, clause):
            return _typeset(french, FRENCH).format(*matched.groups(""))
    return clause


def reason(failure: str, language: str) -> str:
    """Why a check failed; what is not in the table stays English, as its values do."""
    if language == FRENCH:
        for english, french in _REASONS.items():
            pattern = re.sub(r"\\\{\d\\\}", "(.+?)", re.escape(english))
            if found := re.fullmatch(pattern, failure):
                values = [_KINDS_OF_FILES.get(value, value) for value in found.groups()]
                return _typeset(french, language).format(*values)
    return failure


def headline(code: int, passed: bool, failure: str, language: str) -> str:
    """The result of a report; ``failure`` says why, as the check said it."""
    at = LANGUAGES.index(language)
    if passed:
        return _typeset(_PASSED[code][at], language)
    return f"{_typeset(_FAILED[code][at], language)} ({reason(failure, language)})."


def sentence(key: str, values: Mapping[str, Any], extra: Mapping[str, Any], language: str) -> str:
    """The sentence of a fact, with what a document says besides in brackets."""
    written = {
        # The gateway's own address is one that the verifier trusts; all else is others' text.
        name: str(value) if name == "issuer" else defang_text(_written(name, value, language))
        for name, value in values.items()
    }
    text = _typeset(_SENTENCES[key][LANGUAGES.index(language)], language)
    text = text.format(**written, nb=_NB)
    if not extra:
        return text
    besides = "; ".join(f"{name} {_value(value)}" for name, value in extra.items())
    return f"{text} ({defang_text(besides)})"


def title(english: str, language: str) -> str:
    """The title of a step; English where a language lacks it."""
    return english if language == ENGLISH else _TITLES.get(english, english)


def colon(language: str) -> str:
    """A colon, as the language sets it after a word."""
    return f"{_NB}:" if language == FRENCH else ":"


def word(pair: tuple[str, str], language: str) -> str:
    """A word of `HEADINGS` or `OUTCOMES`."""
    return pair[LANGUAGES.index(language)]


def _written(name: str, value: Any, language: str) -> str:
    if name != "states":
        return _value(value)
    words = [_STATES[state] if language == FRENCH else state for state in value]
    return (" ou " if language == FRENCH else " or ").join(words)


def _value(value: Any) -> str:
    match value:
        case dict():
            return ", ".join(f"{name} {_value(one)}" for name, one in value.items())
        case list() | tuple():
            return ", ".join(_value(one) for one in value) or "-"
        case _:
            return str(value)


def _typeset(text: str, language: str) -> str:
    """French sets a space before two-part marks (only in the catalogue's own words)."""
    if language != FRENCH:
        return text
    return text.replace(" ;", f"{_THIN};").replace(" :", f"{_NB}:")
