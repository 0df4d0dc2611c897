// What the page asks the server. The token stays in this tab's sessionStorage, and travels in a header only.

const KEPT = 'tickwire-token';

/** What went wrong, in the server's words; `status` is 0 where it did not answer. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEPT) ?? '',
  keep: text => sessionStorage.setItem(KEPT, text),
  forget: () => sessionStorage.removeItem(KEPT),
};

export async function ask(path, { method = 'GET', body } = {}) {
  const headers = { Authorization: `Bearer ${token.get()}` };
  if (body) headers['Content-Type'] = 'application/json';
  let answer;
  let told;
  try {
    const signal = AbortSignal.timeout(10_000);
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), cache: 'no-store', signal });
    told = await answer.json().catch(error => {
      if (answer.ok) throw error;
      return {};
    });
  } catch {
    throw new Failure(0, 'The server does not answer. It may have stopped, or the way to it is cut; this page keeps trying.');
  }
  if (!answer.ok) throw new Failure(answer.status, told.error ?? `the server said ${answer.status}`);
  return told;
}

/** Asks for something that changes; the server writes it to its log. */
export const steer = (path, body) => ask(path, { method: 'POST', body });
