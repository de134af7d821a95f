/* Small conveniences on top of pages that work without them. One set of delegated listeners:
   parts swapped in later need no wiring. */
"use strict";

const root = document.documentElement;
root.dataset.js = "";

const SECONDS_PER_YEAR = 31536000;
const TOAST_MS = 6000;
const DOWNLOAD_MS = 2500;

/* ---- theme: the cookie lets the server draw the right one at once -------------------------- */

function currentTheme() {
  if (root.dataset.theme) return root.dataset.theme;
  return matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark";
}

function setTheme(theme) {
  root.dataset.theme = theme;
  const secure = location.protocol === "https:" ? "; Secure" : "";
  document.cookie = `theme=${theme}; Path=/; Max-Age=${SECONDS_PER_YEAR}; SameSite=Lax${secure}`;
}

/* ---- copy, dialogs, quantity, toasts ------------------------------------------------------- */

function announce(text) {
  const region = document.getElementById("live");
  if (region) region.textContent = text;
}

async function copy(button) {
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Clipboards are closed on plain http: select the text so that one key press copies it.
    const value = button.parentElement.querySelector(".copyable__value");
    if (value) getSelection().selectAllChildren(value);
    return;
  }
  button.classList.add("is-done");
  announce(button.dataset.copied);
  setTimeout(() => button.classList.remove("is-done"), 2000);
}

function step(button) {
  const input = button.closest("[data-quantity]").querySelector("input");
  const before = input.value;
  if (button.dataset.step === "1") input.stepUp();
  else input.stepDown();
  if (input.value !== before) input.dispatchEvent(new Event("change", { bubbles: true }));
}

function expireToasts() {
  for (const toast of document.querySelectorAll("#toasts .toast:not([data-expires], .alert--danger)")) {
    toast.dataset.expires = "";
    setTimeout(function leave() {
      if (toast.matches(":hover, :focus-within")) setTimeout(leave, TOAST_MS);
      else toast.remove();
    }, TOAST_MS);
  }
}

document.addEventListener("click", (event) => {
  const on = (selector) => event.target.closest(selector);
  let found;
  if (on("[data-theme-toggle]")) setTheme(currentTheme() === "dark" ? "light" : "dark");
  else if ((found = on("[data-copy]"))) copy(found);
  else if ((found = on("[data-opens]"))) document.getElementById(found.dataset.opens)?.showModal();
  else if ((found = on("[data-closes]"))) found.closest("dialog").close();
  else if ((found = on("[data-dismiss]"))) found.closest(".alert").remove();
  else if ((found = on("[data-step]"))) step(found);
  else if (event.target.matches("dialog.dialog")) event.target.close();
});

/* ---- forms: send once, and send again when a control says so ------------------------------- */

document.addEventListener("submit", (event) => {
  const button = event.submitter;
  if (!button?.classList.contains("button") || event.target.matches("[hx-get], [hx-post]")) return;
  // After this turn, so that the button's own name and value still travel with the form.
  setTimeout(() => {
    if (event.defaultPrevented) return;
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    // A download leaves the page where it is: the button comes back.
    if (event.target.matches("[data-download]")) setTimeout(() => release(button), DOWNLOAD_MS);
  });
});

function release(button) {
  button.removeAttribute("aria-busy");
  button.disabled = false;
}

// Coming back with the Back button must not show a form that is still "busy".
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.querySelectorAll("button[aria-busy]").forEach(release);
});

document.addEventListener("change", (event) => {
  const form = event.target.closest("form[data-autosubmit]");
  if (form) form.requestSubmit();
  const sheet = event.target.closest("[data-tiers]");
  if (sheet) showTierPrice(event.target);
});

/* The price on top of the box and in the phone's buy bar follows the tier that is chosen. */
function showTierPrice(radio) {
  const source = radio.closest("label")?.querySelector(".price");
  if (!source) return;
  for (const place of document.querySelectorAll("[data-tier-price]")) {
    const price = source.cloneNode(true);
    price.className = place.querySelector(".price").className;
    place.replaceChildren(price);
  }
}

/* The buy bar steps aside while the button it stands for is on the screen. */
for (const bar of document.querySelectorAll("[data-follows]")) {
  const button = document.querySelector(`#${bar.dataset.follows} .button`);
  new IntersectionObserver(([entry]) => bar.toggleAttribute("data-away", entry.isIntersecting)).observe(button);
}

/* ---- keys: "/" searches, arrows walk the suggestions, Escape closes them ------------------- */

function isTyping(target) {
  return target.matches("input, textarea, select, [contenteditable]");
}

function walkSuggestions(event) {
  const box = event.target.closest("[data-search]");
  const list = box?.querySelector(".suggestions");
  if (!list) return;
  const links = [...list.querySelectorAll("a")];
  if (event.key === "Escape" && links.length) {
    list.replaceChildren();
    box.querySelector("input").focus();
    event.preventDefault();
  } else if (["ArrowDown", "ArrowUp"].includes(event.key) && links.length) {
    const at = links.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
    (at < 0 ? box.querySelector("input") : links[at % links.length]).focus();
    event.preventDefault();
  }
}

document.addEventListener("keydown", (event) => {
  if (event.key === "/" && !isTyping(event.target) && !event.ctrlKey && !event.metaKey) {
    const visible = [...document.querySelectorAll("input[type=search]")].find((input) => input.offsetParent);
    if (visible) { event.preventDefault(); visible.focus(); visible.select(); }
    return;
  }
  walkSuggestions(event);
});

document.addEventListener("focusout", (event) => {
  const box = event.target.closest("[data-search]");
  if (box && !box.contains(event.relatedTarget)) box.querySelector(".suggestions")?.replaceChildren();
});

/* Errors take the focus when they appear, once: a part that polls must not steal it again. */
function focusOnce() {
  const fresh = document.querySelector("[data-focus]:not([data-focused])");
  if (!fresh) return;
  fresh.dataset.focused = "";
  fresh.focus();
}

/* ---- after htmx changed the page ------------------------------------------------------------ */

document.addEventListener("htmx:after:swap", () => {
  expireToasts();
  focusOnce();
  const count = document.querySelector("#results [data-announce]");
  if (count) announce(count.dataset.announce);
});

expireToasts();
focusOnce();
/* On a phone the account's tabs scroll sideways: show the one we are on. */
document.querySelector(".account-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
