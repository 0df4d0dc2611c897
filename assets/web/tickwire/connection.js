// One connection that keeps itself alive: opens the socket, feeds the client, comes back by itself.
//
//   connecting -> joining -> playing -> resuming (waits, then opens anew) -> playing ...
//            `-----------`-> closed: nobody is there            `-> closed: it was left
//                        `-> refused: the server said no, and will again

const SUBPROTOCOL = 'tickwire.1';
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 15000;
// A socket that neither opens nor fails, or a server that says nothing: as good as gone.
const SILENCE_MAX_MS = 8000;
const CHECK_MS = 1000;
const PLAYING = 1;
const ENDED = 2;

/** Why there is no seat; `state` is refused or closed. */
export class JoinError extends Error {
  constructor(state, message) {
    super(message);
    this.name = 'JoinError';
    this.state = state;
  }
}

export class Connection {
  /**
   * @param {string} url
   * @param {() => object} make a new client of the WebAssembly module: one for each session
   * @param {{ state: Function, client: Function, message: Function }} on `state(state, reason)`, `client(client)` when
   *   another one plays, whose predecessor is about to be freed, `message()` when one was taken
   */
  constructor(url, make, on) {
    Object.assign(this, { url, make, on });
    this.state = 'connecting';
    this.reason = '';
    /** When it tries again, in `performance.now()`; while resuming. */
    this.retryAt = 0;
    this.played = false;
    /** Of the session that plays, or played last. */
    this.client = null;
    /** Of the session on the socket. */
    this.session = null;
    this.socket = null;
    this.tries = 0;
    this.heardAt = 0;
    this.hurry = this.hurry.bind(this);
  }

  start() {
    globalThis.addEventListener?.('online', this.hurry);
    this.checks = setInterval(() => this.check(performance.now()), CHECK_MS);
    this.open();
  }

  /** Sends what the client wants to send. */
  flush() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    for (let bytes; (bytes = this.session.poll_transmit());) this.socket.send(bytes);
  }

  /** Tries again at once, if waiting to. */
  hurry() {
    if (this.state === 'resuming' && !this.socket) this.open();
  }

  leave() {
    if (this.over()) return;
    this.session?.leave();
    this.flush();
    this.end('closed', 'left the room');
  }

  over() {
    return this.state === 'refused' || this.state === 'closed';
  }

  open() {
    clearTimeout(this.retry);
    if (this.session !== this.client) this.session.free();
    this.session = this.make();
    this.heardAt = performance.now();
    let socket;
    try {
      socket = this.socket = new WebSocket(this.url, SUBPROTOCOL);
    } catch (error) {
      // a page of https:// may not open ws://, and its own policy may forbid the address
      this.end('closed', `${this.url} cannot be opened from here: ${error.message}`);
      return;
    }
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      if (this.state === 'connecting') this.enter('joining', '');
      this.flush();
    };
    socket.onmessage = message => this.receive(message.data);
    socket.onclose = close => this.lose(close.reason);
    if (!this.played) this.on.state('connecting', '');
  }

  receive(data) {
    this.heardAt = performance.now();
    try {
      if (typeof data === 'string') throw new Error('the server sent text');
      this.session.handle_message(this.heardAt, new Uint8Array(data));
    } catch (error) {
      // it speaks, but not to this page: it was built anew, and only a reload brings the new page
      this.end('refused', `${error.message}; reload this page, or update its client`);
      return;
    }
    this.flush();
    if (this.session.state() === PLAYING) this.play();
    if (this.session === this.client) this.on.message();
    // what was just called may have left
    if (!this.over() && this.session.state() === ENDED) this.refuse(this.session.reason() ?? '');
  }

  play() {
    if (this.session === this.client) return;
    const before = this.client;
    this.client = this.session;
    this.on.client(this.client);
    before?.free();
    this.tries = 0;
    this.played = true;
    this.enter('playing', '');
  }

  // A first "no" is an answer; one to somebody who was playing may pass, so it is asked again.
  refuse(reason) {
    if (this.played) this.lose(reason);
    else this.end('refused', reason);
  }

  lose(reason) {
    if (!this.played) {
      this.end('closed', reason || `nobody answers at ${this.url}: is the server there, and does it take pages from here?`);
      return;
    }
    this.socket = closed(this.socket);
    const wait = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 1.6 ** this.tries) * (0.85 + 0.3 * Math.random());
    this.tries += 1;
    this.retryAt = performance.now() + wait;
    this.retry = setTimeout(() => this.open(), wait);
    this.enter('resuming', reason);
  }

  check(now) {
    if (this.socket && now - this.heardAt > SILENCE_MAX_MS) this.lose('the server fell silent');
  }

  end(state, reason) {
    clearTimeout(this.retry);
    clearInterval(this.checks);
    globalThis.removeEventListener?.('online', this.hurry);
    this.socket = closed(this.socket);
    this.enter(state, reason);
  }

  enter(state, reason) {
    const same = state === this.state && reason === this.reason;
    Object.assign(this, { state, reason });
    if (!same || state === 'resuming') this.on.state(state, reason);
  }
}

function closed(socket) {
  if (socket) {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
  return null;
}
