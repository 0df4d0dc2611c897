// The token of a tab's seat, so that a page that is loaded again takes it back. It lives as long as the tab, and a tab that
// is duplicated copies it: then the newer one has the seat.

const KEY = 'tickwire.seat';

export class KeptSeat {
  /** @param {boolean} kept whether the tab keeps it at all */
  constructor(url, game, kept) {
    this.key = `${KEY} ${game} ${url}`;
    this.storage = kept ? storage() : null;
  }

  /** Empty where there is none. */
  token() {
    try {
      return Uint8Array.from(atob(this.storage?.getItem(this.key) ?? ''), char => char.charCodeAt(0));
    } catch {
      return new Uint8Array(0);
    }
  }

  keep(token) {
    try {
      if (token.length > 0) this.storage?.setItem(this.key, btoa(String.fromCharCode(...token)));
    } catch { /* full; then a reload asks for a new seat */ }
  }

  forget() {
    this.storage?.removeItem(this.key);
  }
}

function storage() {
  try {
    return globalThis.sessionStorage ?? null;
  } catch {
    // a page may be forbidden to keep anything
    return null;
  }
}
