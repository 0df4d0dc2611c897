// Nothing is steered by one click: what will happen is said first, and asked once more.

import { steer } from './api.js';
import { $, toast } from './format.js';

/** `words`: what players read, `null` where nothing is said to them; `must` be said. `path`: what is asked for then. */
export function confirm({ title, text, words = null, must = false, verb, danger = false, path, done }) {
  const [dialog, field, error, yes] = [$('confirm'), $('confirm-words'), $('confirm-error'), $('confirm-yes')];
  $('confirm-title').textContent = title;
  $('confirm-text').textContent = text;
  $('confirm-label').hidden = field.hidden = words === null;
  field.value = words ?? '';
  error.textContent = '';
  yes.textContent = verb;
  yes.className = danger ? 'primary danger' : 'primary';
  yes.disabled = false;
  const act = async () => {
    const said = field.value.trim();
    if (must && !said) {
      error.textContent = 'Say something first.';
      return;
    }
    yes.disabled = true;
    try {
      const answer = await steer(path, words === null || !said ? undefined : { text: said });
      dialog.close();
      toast(done(answer));
    } catch (failure) {
      error.textContent = failure.message;
      yes.disabled = false;
    }
  };
  const stop = new AbortController();
  const { signal } = stop;
  yes.addEventListener('click', act, { signal });
  field.addEventListener('keydown', event => { if (event.key === 'Enter') act(); }, { signal });
  $('confirm-no').addEventListener('click', () => dialog.close(), { signal });
  dialog.addEventListener('close', () => stop.abort(), { once: true });
  dialog.showModal();
  (words === null ? $('confirm-no') : field).focus();
}
