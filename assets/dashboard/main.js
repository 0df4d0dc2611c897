// Which screen is shown, and when the server is asked: once a second, and only while somebody looks.

import { token } from './api.js';
import { $ } from './format.js';
import { Overview } from './overview.js';
import { RoomScreen } from './room.js';

const PAUSE_MS = 1000;

let screen = null;
let timer = 0;
let turn = 0;
/** The server wants something of a person first. */
let waits = false;

function show(name) {
  document.body.dataset.screen = name;
  $('leave').hidden = !token.get();
  $('home').hidden = name !== 'room';
  if (name === 'signin' || name === 'untold') $('readiness').textContent = $('crumb').textContent = '';
}

function trouble(text) {
  $('trouble').hidden = !text;
  $('trouble').textContent = text ?? '';
}

/** What the address asks for; a token is never in it. */
function choose() {
  screen?.close();
  const room = /^#room\/(\d+)$/.exec(location.hash)?.[1];
  screen = room ? new RoomScreen(room) : new Overview();
  $('crumb').textContent = room ? `› Room ${room}` : '';
  wake();
}

/** Asks now, and then again and again. */
function wake() {
  clearTimeout(timer);
  waits = false;
  turn += 1;
  look(turn);
}

async function look(mine) {
  if (document.visibilityState !== 'visible') return;
  const shown = screen;
  try {
    await shown.look();
    if (mine !== turn) return;
    trouble(null);
    show(shown.name);
    shown.shown?.();
  } catch (failure) {
    if (mine !== turn) return;
    if (refused(failure)) return;
    if (failure.status === 404) {
      // it does not come back
      show(shown.name);
      trouble('This room has ended, or there never was one.');
      waits = true;
      return;
    }
    if (failure.status === undefined) console.error(failure);
    // too soon is no trouble: somebody else looks, too
    if (failure.status !== 429) trouble(failure.message);
    if (document.body.dataset.screen === 'loading') show(shown.name);
  }
  timer = setTimeout(() => look(mine), PAUSE_MS);
}

/** Whether the server wants a token, or has none: then nothing is asked until a person has done something. */
function refused(failure) {
  if (failure.status === 403) show('untold');
  else if (failure.status === 401) {
    $('token-error').textContent = token.get() ? 'The server does not know this token. Is it of this server, and whole?' : '';
    token.forget();
    show('signin');
    $('token').focus();
  } else return false;
  trouble(null);
  waits = true;
  return true;
}

function signIn(event) {
  event.preventDefault();
  const text = $('token').value.trim();
  $('token').value = '';
  // a header takes nothing else
  if (/[^\x21-\x7e]/.test(text)) {
    $('token-error').textContent = 'This is not the token: it has characters that no token has, such as spaces or typographic quotes.';
    return;
  }
  token.keep(text);
  $('token-error').textContent = '';
  wake();
}

$('token-form').addEventListener('submit', signIn);
$('again').addEventListener('click', wake);
$('leave').addEventListener('click', () => {
  token.forget();
  location.hash = '';
  $('token-error').textContent = '';
  wake();
});
addEventListener('hashchange', choose);
document.addEventListener('visibilitychange', () => { if (!waits) wake(); });

// without a token, too: the answer says whether one would help
choose();
