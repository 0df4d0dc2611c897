// A chat by tickwire.1.json: plain JavaScript, no client library. Says {"command":{"say":"..."}}, is told events.

const [lines, people, state, text] = ['lines', 'people', 'state', 'text'].map(id => document.getElementById(id));
const here = new Set();
let socket = null;
let you = null;
let tries = 0;

function line(kind, ...parts) {
  const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 40;
  const item = document.createElement('li');
  item.className = kind;
  item.append(...parts);
  lines.append(item);
  while (lines.children.length > 500) lines.firstChild.remove();
  if (atEnd) lines.scrollTop = lines.scrollHeight;
}

// The same name has the same colour everywhere; light and dark decide how bright.
function hue(name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return `light-dark(hsl(${hash} 65% 36%), hsl(${hash} 70% 72%))`;
}

function showPeople() {
  people.replaceChildren(...[...here].sort((a, b) => a.localeCompare(b)).map(name => {
    const item = document.createElement('li');
    item.textContent = name;
    item.style.color = hue(name);
    item.classList.toggle('you', name === you);
    return item;
  }));
}

function show(words, kind = '') {
  state.textContent = words;
  state.className = kind;
  text.disabled = kind !== 'on';
}

const told = {
  here({ you: name, names }) {
    you = name;
    here.clear();
    names.forEach(one => here.add(one));
    lines.replaceChildren();
  },
  said({ name, text }) {
    const who = document.createElement('b');
    who.textContent = name;
    who.style.color = hue(name);
    const time = document.createElement('time');
    time.textContent = new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
    line('', time, who, text);
  },
  came({ name }) {
    here.add(name);
    line('news', name === you ? 'you came in' : `${name} came in`);
  },
  went({ name }) {
    here.delete(name);
    line('news', `${name} left`);
  },
  sorry(why) { line('sorry', why); },
};

function connect(name) {
  show(tries === 0 ? 'connecting' : 'connecting again');
  socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/ws`, 'tickwire.1.json');
  let refused = null;
  socket.onopen = () => socket.send(JSON.stringify({ join: { name } }));
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.joined) {
      tries = 0;
      show('connected', 'on');
      text.focus();
    }
    for (const event of message.events ?? []) {
      for (const [kind, what] of Object.entries(event)) told[kind]?.(what);
    }
    if (message.events) showPeople();
    if (message.error) line('sorry', message.error);
    refused = message.refused ?? refused;
  };
  socket.onclose = ({ reason }) => {
    // a little later each time, and not all pages at once
    const wait = Math.min(500 * 2 ** tries, 15_000) * (0.75 + Math.random() / 2);
    tries += 1;
    show(`${refused || reason || 'the connection broke'}; again in ${Math.ceil(wait / 1000)} s`, 'off');
    setTimeout(connect, wait, name);
  };
}

document.getElementById('say').addEventListener('submit', event => {
  event.preventDefault();
  if (text.value.trim() && socket?.readyState === WebSocket.OPEN) {
    socket.send(JSON.stringify({ command: { say: text.value } }));
    text.value = '';
  }
});

// ?name=ann needs no door
const given = new URLSearchParams(location.search).get('name');
const door = document.getElementById('door');
text.disabled = true;
if (given) {
  connect(given);
} else {
  door.addEventListener('cancel', event => event.preventDefault());
  door.addEventListener('close', () => connect(document.getElementById('name').value.trim()));
  door.showModal();
}
