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
  else if (on("[data-print]")) print();
  else if (on("[data-search-opens]")) { if (openSearch()) event.preventDefault(); }
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
});

/* The buy bar steps aside while the button it stands for is on the screen. */
for (const bar of document.querySelectorAll("[data-follows]")) {
  const form = bar.dataset.follows;
  const buttons = document.querySelectorAll(`#${form} .button, .button[form="${form}"]`);
  const button = [...buttons].find((one) => !bar.contains(one));
  if (!button) continue;
  new IntersectionObserver(([entry]) => bar.toggleAttribute("data-away", entry.isIntersecting)).observe(button);
}

/* ---- keys: "/" searches, "?" lists the keys, arrows walk the suggestions, Escape closes them --- */

const NOT_TYPED_INTO = "[type=checkbox], [type=radio], [type=button], [type=submit], [type=range], [type=file]";

function isTyping(target) {
  return target.matches(`input:not(${NOT_TYPED_INTO}), textarea, select, [contenteditable]`);
}

/* Storage is closed in some private windows; what is kept there is a convenience. */
function kept(name) {
  try { return localStorage.getItem(name); } catch { return null; }
}

function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* see `kept` */ }
}

function openSearch() {
  const fields = [...document.querySelectorAll("input[type=search]")];
  const menu = document.getElementById("site-menu");
  let field = fields.find((one) => one.checkVisibility());
  if (!field && menu) {
    menu.showPopover();
    field = menu.querySelector("input[type=search]");
  }
  field?.focus();
  field?.select();
  return Boolean(field);
}

function openKeys() {
  const list = document.getElementById("keys");
  if (!list?.matches(":popover-open")) list?.showPopover();
  return Boolean(list);
}

const KEYS = { "/": openSearch, "?": openKeys };

function pressKey(event) {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (isTyping(event.target) || kept("keys") === "off" || document.querySelector("dialog[open]")) return false;
  if (!KEYS[event.key]()) return false;
  event.preventDefault();
  return true;
}

for (const box of document.querySelectorAll("[data-keys-switch]")) {
  box.checked = kept("keys") !== "off";
  box.addEventListener("change", () => keep("keys", box.checked ? "on" : "off"));
}

/* The search box is a combobox: the focus stays in it, and it names the suggestion that is chosen.
   (https://www.w3.org/WAI/ARIA/apg/patterns/combobox/) */
function searchBox(target) {
  const box = target.closest?.("[data-search]");
  const list = box?.querySelector(".suggestions");
  return list && { box, list, field: box.querySelector("input"), options: [...list.querySelectorAll("[role=option]")] };
}

function chooseSuggestion({ field, options }, at) {
  options.forEach((option, place) => option.setAttribute("aria-selected", String(place === at)));
  if (options[at]) {
    field.setAttribute("aria-activedescendant", options[at].id);
    options[at].scrollIntoView({ block: "nearest" });
  } else field.removeAttribute("aria-activedescendant");
}

function closeSuggestions({ list, field }) {
  list.replaceChildren();
  field.removeAttribute("aria-activedescendant");
  field.setAttribute("aria-expanded", "false");
}

function showSuggestions(list) {
  const search = searchBox(list);
  if (!search) return;
  search.options.forEach((option, place) => { option.id = `${list.id}-${place}`; option.tabIndex = -1; });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", search.field.labels[0]?.textContent ?? "");
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-controls": list.id, "aria-expanded": String(search.options.length > 0) }))
    search.field.setAttribute(name, value);
  chooseSuggestion(search, -1);
  const count = list.querySelector("[data-announce]");
  if (count) announce(count.dataset.announce);
}

function walkSuggestions(event) {
  const search = searchBox(event.target);
  if (!search?.options.length || event.isComposing) return;
  const { options } = search;
  const at = options.findIndex((option) => option.getAttribute("aria-selected") === "true");
  if (event.key === "Escape") closeSuggestions(search);
  else if (event.key === "ArrowDown") chooseSuggestion(search, at + 1 < options.length ? at + 1 : -1);
  else if (event.key === "ArrowUp") chooseSuggestion(search, at < 0 ? options.length - 1 : at - 1);
  else if (event.key === "Enter" && at >= 0) options[at].click();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", (event) => {
  if (!pressKey(event)) walkSuggestions(event);
});

document.addEventListener("focusout", (event) => {
  const search = searchBox(event.target);
  if (search && !search.box.contains(event.relatedTarget)) closeSuggestions(search);
});

/* Errors take the focus when they appear, once: a part that polls must not steal it again. */
function focusOnce() {
  const fresh = document.querySelector("[data-focus]:not([data-focused])");
  if (!fresh) return;
  fresh.dataset.focused = "";
  fresh.focus();
}

/* ---- countdowns: the server's time, whatever the clock of this machine says ------------------ */

const MOST_DELAY_MS = 10 * 60 * 1000;

/* How far the server is ahead of us. A page that was fetched before it was wanted is older than it
   looks, so it goes by what an earlier page of this window has measured. */
function measureOffset() {
  const measured = Number(root.dataset.now) - Date.now();
  const [visit] = performance.getEntriesByType("navigation");
  try {
    const earlier = Number(sessionStorage.getItem("server-offset") ?? NaN);
    const delay = earlier - measured;
    if (visit?.deliveryType === "navigational-prefetch" && delay > 0 && delay < MOST_DELAY_MS) return earlier;
    sessionStorage.setItem("server-offset", measured);
  } catch { /* no storage: see `kept` */ }
  return measured;
}

const OFFSET = measureOffset();
const STARTED = performance.now();
const STARTED_AT = Date.now() + OFFSET;

/* Carried on by a clock that nobody can set; where the machine slept, by the other one. */
function serverNow() {
  return Math.max(STARTED_AT + performance.now() - STARTED, Date.now() + OFFSET);
}

function timeLeft(seconds, [day, hour, minute, second]) {
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  if (hours >= 24) return `${Math.floor(hours / 24)} ${day} ${hours % 24} ${hour}`;
  if (hours) return `${hours} ${hour} ${two(minutes)} ${minute}`;
  return `${minutes} ${minute} ${two(seconds % 60)} ${second}`;
}

/* Prices change at zero: show them anew. Only what was still running when the page was made is
   waited for, so a page that shows something ended is not loaded in circles. */
function refreshAfter(place) {
  const part = place.closest("[data-refresh][id]");
  // Not all visitors in the same instant, and never into what somebody is typing.
  setTimeout(() => {
    if (part) htmx.ajax("GET", location.href, { target: `#${part.id}`, select: `#${part.id}`, swap: "outerHTML" });
    else if (!isTyping(document.activeElement)) location.reload();
  }, 500 + Math.random() * 1500);
}

const waitedFor = new Set();

function tick() {
  for (const place of document.querySelectorAll("[data-countdown]")) {
    const ends = Number(place.dataset.countdown);
    const seconds = Math.max(0, Math.ceil((ends - serverNow()) / 1000));
    const text = timeLeft(seconds, place.dataset.units.split("|"));
    const left = place.querySelector(".countdown__left");
    if (left.textContent !== text) left.textContent = text;
    if (seconds || ends <= STARTED_AT || waitedFor.has(ends)) continue;
    waitedFor.add(ends);
    refreshAfter(place);
  }
}

if (Number.isFinite(OFFSET)) {
  tick();
  setInterval(tick, 1000);
}

/* ---- from a card to its product and back: the picture travels (browsers that can) ------------ */

function share(address) {
  const { pathname, search, origin } = new URL(address ?? location.href);
  // The same page again, or another list: nothing travels.
  if (origin !== location.origin || (pathname === location.pathname && search !== location.search)) return;
  const link = [...document.querySelectorAll(".card__name a")].find((one) => one.pathname === pathname);
  const cover = link?.closest(".card")?.querySelector(".card__cover");
  if (!cover?.checkVisibility()) return;
  root.dataset.shares = "";
  cover.dataset.shared = "";
}

function unshare() {
  delete root.dataset.shares;
  document.querySelectorAll("[data-shared]").forEach((one) => delete one.dataset.shared);
}

addEventListener("pageswap", (event) => {
  // A reload, or a page of somebody else, names no entry.
  const url = event.activation?.entry?.url;
  if (event.viewTransition && url) share(url);
});

addEventListener("pagereveal", (event) => {
  unshare();
  if (!event.viewTransition || !window.navigation?.activation?.from) return;
  const { url } = navigation.activation.from;
  if (url) share(url);
  event.viewTransition.finished.finally(unshare);
});

/* ---- no connection: say so once, and take it back when there is one again --------------------- */

function showOffline() {
  const words = document.getElementById("offline");
  if (!words || document.querySelector("#toasts [data-offline]")) return;
  const toast = words.content.firstElementChild.cloneNode(true);
  toast.dataset.offline = toast.dataset.expires = "";
  document.getElementById("toasts").append(toast);
}

addEventListener("offline", showOffline);
addEventListener("online", () => document.querySelector("#toasts [data-offline]")?.remove());
// A request that never got an answer; an answer that is an error comes with a toast of its own.
document.addEventListener("htmx:error", (event) => {
  if (event.detail?.ctx && !event.detail.ctx.response) showOffline();
});

/* ---- long forms: nothing that was typed is lost by leaving --------------------------------------- */

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-unsaved]");
  if (form) form.dataset.unsaved = "dirty";
});

addEventListener("beforeunload", (event) => {
  if (document.querySelector("[data-unsaved='dirty']:not([data-leaving])")) event.preventDefault();
});

document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-unsaved]")) event.target.dataset.leaving = "";
});

/* ---- after htmx changed the page ------------------------------------------------------------ */

document.addEventListener("htmx:after:swap", () => {
  expireToasts();
  focusOnce();
  const count = document.querySelector("#results [data-announce]");
  if (count) announce(count.dataset.announce);
  for (const list of document.querySelectorAll("[data-search] .suggestions:not(:empty)"))
    if (!list.querySelector("[role=option][id]")) showSuggestions(list);
});

expireToasts();
focusOnce();
/* On a phone the tabs of account and back office scroll sideways: show the one we are on. */
document.querySelector(":is(.account-nav, .admin-nav) [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
