// The screen before play: a name, a button, and the reason if the server says no.

const STORED = 'arena.name';

export class Lobby {
  /** @param {(name: string) => void} join */
  constructor(join) {
    this.join = join;
    this.form = document.getElementById('join');
    this.field = document.getElementById('name');
    this.reason = document.getElementById('reason');
    this.field.value = stored();
    this.form.addEventListener('submit', event => {
      event.preventDefault();
      this.go(this.field.value);
    });
  }

  /** Joins at once when the address names the player (`?name=X`), or the page was loaded again while they played. */
  start(seated) {
    const name = new URLSearchParams(location.search).get('name');
    if (name !== null || seated) this.go(name ?? stored());
    else this.show('');
  }

  show(reason) {
    document.body.dataset.screen = 'lobby';
    this.reason.textContent = reason;
    if (matchMedia('(hover: hover)').matches) this.field.focus();
  }

  go(name) {
    const trimmed = name.trim();
    this.field.value = trimmed;
    this.reason.textContent = '';
    this.field.blur();
    try {
      localStorage.setItem(STORED, trimmed);
    } catch { /* private windows may forbid it; then it is asked again */ }
    this.join(trimmed);
  }
}

function stored() {
  try {
    return localStorage.getItem(STORED) ?? '';
  } catch {
    return '';
  }
}
