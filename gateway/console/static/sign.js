"use strict";
// Asks the browser for a passkey, reads an invitation from the address, and tells two minutes before
// a session ends, which each page says, too. All else works without.
for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", async (event) => {
    const { credential } = form.elements, { passkey, options } = form.dataset;
    if (credential.value) return;
    event.preventDefault();
    const status = form.querySelector("[role=status]"), button = form.querySelector("button");
    status.textContent = "";
    button.disabled = true;
    try {
      const asked = JSON.parse(options);
      const publicKey = passkey === "create"
        ? PublicKeyCredential.parseCreationOptionsFromJSON(asked)
        : PublicKeyCredential.parseRequestOptionsFromJSON(asked);
      const made = await navigator.credentials[passkey]({ publicKey });
      credential.value = JSON.stringify(made.toJSON());
      form.submit();
    } catch {
      button.disabled = false;
      button.focus(); // it lost it when it was disabled
      status.textContent = status.dataset.failed;
    }
  });
}
const invitation = document.querySelector("form[data-fragment]");
const take = () => {
  if (location.hash.length < 2) return;
  invitation.elements.token.value = decodeURIComponent(location.hash.slice(1));
  history.replaceState(null, "", location.pathname);
};
if (invitation) {
  take();
  addEventListener("hashchange", take); // a new address, into the page that is open
}
const ending = document.querySelector("[data-left]");
if (ending) setTimeout(() => { ending.hidden = false; }, (ending.dataset.left - 120) * 1000);
document.querySelector(".summary")?.focus();
