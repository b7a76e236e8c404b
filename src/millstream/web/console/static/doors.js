// Sign-in and set-up. What is typed goes to the API in one request and is kept nowhere.
"use strict";
(() => {
  const form = document.querySelector("form");
  const trouble = document.getElementById("trouble");
  const wanted = new URLSearchParams(location.search).get("next") ?? "";
  // Only pages of this console; "//elsewhere" and "/\elsewhere" would be other sites.
  const next = /^\/console\/(?![/\\])/.test(wanted) || wanted === "/console/" ? wanted : "/console/";

  function tell(text) {
    trouble.textContent = text;
    trouble.hidden = false;
    trouble.focus();
  }

  async function send(path, body) {
    const answer = await fetch(path, {
      method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
    });
    if (answer.ok) return true;
    let detail = "The hub did not answer as it should. Try again.";
    try {
      const problem = await answer.json();
      detail = [problem.detail, ...(problem.errors ?? []).map((error) => error.message)].join(" ");
    } catch { /* the sentence above says it */ }
    const after = Number(answer.headers.get("retry-after"));
    if (answer.status === 429 && after > 0) {
      const minutes = Math.ceil(after / 60);
      detail = `Too many sign-ins failed. Try again in ${minutes} minute${minutes === 1 ? "" : "s"}, or ask an administrator for a new password.`;
    }
    tell(detail);
    return false;
  }

  const values = () => Object.fromEntries(new FormData(form));

  async function signIn() {
    const { name, password } = values();
    if (await send("/api/session", { name, password })) location.assign(next);
  }

  async function setUp() {
    const { name, password, again } = values();
    const token = decodeURIComponent(location.hash.slice(1)) || values().token;
    if (password !== again) return tell("The two passwords are not the same.");
    if (!token) return tell("This page needs the link that `millstream serve` printed when it started.");
    if (await send("/api/access/setup", { token, name, password })) {
      history.replaceState(null, "", "/console/set-up");
      if (await send("/api/session", { name, password })) location.assign("/console/");
    }
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    trouble.hidden = true;
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await (form.id === "set-up" ? setUp() : signIn());
    } catch {
      tell("The hub cannot be reached. Is it running?");
    } finally {
      button.disabled = false;
    }
  });
})();
