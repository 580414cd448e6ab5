// Asks the service. Every refusal becomes an Error whose message is the service's sentence.

import { byId } from "./dom.js";

const KEY = "ferda-token";
let token = stored();

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

const headers = () => (token ? { Authorization: `Bearer ${token}` } : {});

function problem(status, text, retry) {
  let sentence = `The service answered with ${status}.`;
  try {
    sentence = JSON.parse(text).error ?? sentence;
  } catch {
    // no JSON: a proxy in between, perhaps
  }
  return Object.assign(new Error(sentence), { status, retry: Number(retry) || 0 });
}

/** Ask for the token until the service takes it. */
export async function enter() {
  const { needs_token: needed } = await (await fetch("/health")).json();
  while (needed && !(await fetch("/models", { headers: headers() })).ok) {
    token = await askForToken();
    try {
      sessionStorage.setItem(KEY, token);
    } catch {
      // kept in this page alone
    }
  }
}

function askForToken() {
  const dialog = byId("token-dialog");
  byId("token-input").value = "";
  dialog.showModal();
  return new Promise((done) => {
    dialog.addEventListener("close", () => done(byId("token-input").value.trim()), { once: true });
  });
}

export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  } catch (failure) {
    if (failure.name === "AbortError") throw failure;
    throw new Error("The service does not answer; is it still running?");
  }
  if (!answer.ok) throw problem(answer.status, await answer.text(), answer.headers.get("Retry-After"));
  return answer;
}

export const json = async (path, options) => (await ask(path, options)).json();

export function form(fields) {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const one of [value].flat()) {
      if (one instanceof Blob) made.append(name, one, one.name ?? "picture.jpg");
      else if (one !== undefined && one !== "") made.append(name, one);
    }
  }
  return made;
}

export const post = (path, fields, options = {}) => json(path, { method: "POST", body: form(fields), ...options });

/** Send much, and say how much has gone. */
export function upload(path, fields, progress) {
  const request = new XMLHttpRequest();
  const done = new Promise((resolve, reject) => {
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener("progress", (event) => progress(event.loaded, event.total));
    request.addEventListener("load", () => {
      if (request.status < 400) resolve(JSON.parse(request.responseText));
      else reject(problem(request.status, request.responseText, request.getResponseHeader("Retry-After")));
    });
    request.addEventListener("error", () => reject(new Error("The connection to the service broke off.")));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
    request.send(form(fields));
  });
  return { done, stop: () => request.abort() };
}
