/* Sends the archive of a version in parts straight to the file store. The form around it works without
   this file; then the archive goes through the web server. */

const PARALLEL = 3;
const TRIES = 5;
const FIRST_WAIT_MS = 500;
const MEGABYTE = 1024 * 1024;

class Refused extends Error {
  constructor(field, text) {
    super(text);
    this.field = field;
  }
}

let sending = null;

/* ---- talking to the shop: small forms, answers in JSON ---------------------------------------- */

async function ask(form, url, fields = {}) {
  const body = fields instanceof FormData ? fields : new FormData();
  if (body !== fields) for (const [name, value] of Object.entries(fields)) body.set(name, value);
  body.set("csrf_token", form.elements.csrf_token.value);
  const answer = await fetch(url, { method: "POST", body, headers: { Accept: "application/json" } });
  const said = answer.headers.get("Content-Type")?.startsWith("application/json") ? await answer.json() : {};
  if (!answer.ok) {
    // What the shop refuses stays refused; when it is away, another try may help.
    if (answer.status >= 500) throw new Error(String(answer.status));
    throw new Refused(said.field ?? "", said.text ?? form.dataset.refused);
  }
  return said;
}

/* ---- one upload --------------------------------------------------------------------------------- */

class Sending {
  constructor(form, file) {
    this.form = form;
    this.file = file;
    this.requests = new Set();
    this.sent = new Map();
    this.arrived = new Set();
    this.isStopped = false;
    this.announced = 0;
  }

  async begin() {
    const fields = new FormData(this.form);
    fields.delete("archive");
    fields.set("size", this.file.size);
    this.plan = await ask(this.form, this.form.dataset.upload, fields);
    this.count = Math.ceil(this.file.size / this.plan.part_bytes);
  }

  async run() {
    const missing = [];
    for (let number = 1; number <= this.count; number++) if (!this.arrived.has(number)) missing.push(number);
    const take = async () => {
      for (let number = missing.shift(); number && !this.isStopped; number = missing.shift()) await this.sendPart(number);
    };
    // All of them come to rest, so that nothing goes on behind a failure that is shown.
    const hands = await Promise.allSettled(Array.from({ length: PARALLEL }, take));
    const failed = hands.find((hand) => hand.status === "rejected");
    if (failed) throw failed.reason;
    if (this.isStopped) return;
    const { location: there } = await this.patiently(() => ask(this.form, this.plan.completion_url));
    show(this.form, { words: this.form.dataset.done });
    this.isDone = true;
    location.assign(there);
  }

  async sendPart(number) {
    const from = (number - 1) * this.plan.part_bytes;
    const part = this.file.slice(from, from + this.plan.part_bytes);
    await this.patiently(async () => {
      // Another link for every attempt: they live for a few minutes.
      const { url } = await ask(this.form, this.plan.parts_url, { number });
      await this.put(url, part, number);
    });
    this.arrived.add(number);
  }

  async patiently(attempt) {
    for (let tries = 1; ; tries++) {
      try {
        return await attempt();
      } catch (error) {
        if (this.isStopped || error instanceof Refused || tries === TRIES) throw error;
        show(this.form, { words: this.form.dataset.waiting });
        await new Promise((resolve) => setTimeout(resolve, FIRST_WAIT_MS * 2 ** (tries - 1)));
      }
    }
  }

  put(url, part, number) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      this.requests.add(request);
      request.open("PUT", url);
      request.upload.addEventListener("progress", (event) => this.countUp(number, event.loaded));
      request.addEventListener("loadend", () => {
        this.requests.delete(request);
        const isStored = request.status >= 200 && request.status < 300;
        this.countUp(number, isStored ? part.size : 0);
        if (isStored) resolve();
        else reject(new Error(`part ${number}: ${request.status}`));
      });
      request.send(part);
    });
  }

  countUp(number, bytes) {
    this.sent.set(number, bytes);
    if (this.isStopped) return;
    const done = [...this.sent.values()].reduce((sum, one) => sum + one, 0);
    const percent = Math.min(100, Math.floor((done / this.file.size) * 100));
    const megabytes = (value) => (value / MEGABYTE).toFixed(1);
    const words = this.form.dataset.sending
      .replace("{done}", megabytes(Math.min(done, this.file.size)))
      .replace("{total}", megabytes(this.file.size));
    show(this.form, { percent, words });
    // Four times is enough for those who listen.
    if (Math.floor(percent / 25) > this.announced) {
      this.announced = Math.floor(percent / 25);
      say(words);
    }
  }

  async stop() {
    this.isStopped = true;
    for (const request of this.requests) request.abort();
    // When the shop cannot be reached either, it ends the upload by itself after a day.
    if (this.plan) await ask(this.form, this.plan.abandonment_url).catch(() => {});
  }
}

/* ---- what is seen and heard --------------------------------------------------------------------- */

function say(text) {
  const region = document.getElementById("live");
  if (region) region.textContent = text;
}

function show(form, { percent, words }) {
  if (percent !== undefined) form.querySelector("progress").value = percent;
  if (words !== undefined) form.querySelector("[data-upload-words]").textContent = words;
}

function showSending(form, isSending) {
  form.querySelector("[data-upload-fields]").inert = isSending;
  form.querySelector("[data-upload-progress]").hidden = !isSending;
  form.querySelector("[data-upload-again]").hidden = true;
  if (!isSending) return;
  showProblem(form, null);
  form.querySelector("[data-upload-stop]").focus();
}

function showProblem(form, problem) {
  const place = form.querySelector("[data-upload-error]");
  place.hidden = !problem;
  for (const control of form.querySelectorAll("[aria-errormessage='upload-error']")) {
    control.removeAttribute("aria-errormessage");
    control.removeAttribute("aria-invalid");
  }
  if (!problem) return;
  place.querySelector("p").textContent = problem.message;
  const control = problem.field && form.elements[problem.field];
  if (control) {
    control.setAttribute("aria-invalid", "true");
    control.setAttribute("aria-errormessage", "upload-error");
  }
  place.focus();
}

/* ---- what people do ------------------------------------------------------------------------------- */

async function carryOn(form, step) {
  try {
    await step();
  } catch (error) {
    if (sending?.isStopped) return;
    if (error instanceof Refused) {
      sending?.stop();
      sending = null;
      showSending(form, false);
      showProblem(form, error);
      return;
    }
    show(form, { words: form.dataset.failed });
    say(form.dataset.failed);
    const again = form.querySelector("[data-upload-again]");
    again.hidden = false;
    again.focus();
  }
}

document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-upload]");
  const file = form?.elements.archive.files[0];
  if (!file) return;
  event.preventDefault();
  const one = (sending = new Sending(form, file));
  form.querySelector("[data-upload-name]").textContent = file.name;
  show(form, { percent: 0, words: "" });
  showSending(form, true);
  carryOn(form, async () => {
    await one.patiently(() => one.begin());
    await one.run();
  });
});

document.addEventListener("click", (event) => {
  const form = event.target.closest("form[data-upload]");
  if (!form || !sending) return;
  if (event.target.closest("[data-upload-stop]")) {
    sending.stop();
    sending = null;
    showSending(form, false);
    say(form.dataset.stopped);
    form.elements.archive.focus();
  } else if (event.target.closest("[data-upload-again]")) {
    showSending(form, true);
    const one = sending;
    carryOn(form, async () => {
      if (!one.plan) await one.begin();
      await one.run();
    });
  }
});

addEventListener("beforeunload", (event) => {
  if (sending && !sending.isDone) event.preventDefault();
});

// Coming back with the Back button shows a form that can be used.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  sending = null;
  for (const form of document.querySelectorAll("form[data-upload]")) showSending(form, false);
});
