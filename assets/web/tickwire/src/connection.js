// One connection that keeps itself alive: opens sockets when the client says so, feeds it, tells the page where it is.
//
//   connecting -> joining -> playing <-> resuming (waits, then opens anew; the same seat)
//            `-----------`-> closed: nobody is there          `-> closed: it was left, or nobody came back
//                        `-> refused: the server said no      `-> refused: it said no to coming back
//
// When to try again, and what of the state is still good, is the client's affair (shared/src/client/reconnect.rs). Only a
// seat that is not held any more is given up here: then a new client asks for another one.

const SUBPROTOCOL = 'tickwire.1';
// A socket that neither opens nor fails, or a server that says nothing: as good as gone.
const SILENCE_MAX_MS = 8000;
const CHECK_MS = 1000;
// as shared/web/src/lib.rs numbers them
const STATES = ['connecting', 'joining', 'playing', 'resuming', 'refused', 'closed'];
// shared/src/protocol/close.rs
const BROKEN = 1006;
const TAKEN_OVER = 4010;
const SEAT_GONE = 4011;

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
   * @param {(token: Uint8Array) => object} make a new client of the WebAssembly module; the token is empty, or leads to a seat
   * @param {import('./seat.js').KeptSeat} seat
   * @param {{ state: Function, client: Function, notice: Function }} on `state(state, reason)`, `notice({ text, endsInS })`, and
   *   `client(client)` when another one plays, whose predecessor is about to be freed
   * @param {typeof globalThis.WebSocket} WebSocket
   */
  constructor(url, make, seat, on, WebSocket) {
    Object.assign(this, { url, make, seat, on, WebSocket });
    this.state = 'connecting';
    this.reason = '';
    /** While resuming: which try is awaited or under way, and when it is due in `performance.now()`. */
    this.attempt = 0;
    this.retryAt = 0;
    /** Seats had. */
    this.seats = 0;
    /** Who plays, or played last. */
    this.client = null;
    /** Who is on the socket. */
    this.session = null;
    this.socket = null;
    this.heardAt = 0;
    this.hurry = this.hurry.bind(this);
  }

  start() {
    globalThis.addEventListener?.('online', this.hurry);
    this.checks = setInterval(() => this.check(performance.now()), CHECK_MS);
    this.begin(this.seat.token());
  }

  /** Sends what the client wants to send. */
  flush() {
    if (this.socket?.readyState !== 1) return;
    for (let bytes; (bytes = this.session.poll_transmit());) this.socket.send(bytes);
  }

  /** Tries again at once, if waiting to. */
  hurry() {
    if (this.over() || this.socket) return;
    this.session.hurry();
    this.wait();
  }

  leave() {
    if (this.over()) return;
    this.session?.leave();
    this.flush();
    this.seat.forget();
    this.end('closed', 'left the room');
  }

  over() {
    return this.state === 'refused' || this.state === 'closed';
  }

  // A client for a seat that another client had, or for a new one.
  begin(token) {
    if (this.session !== this.client) this.session.free();
    this.session = this.make(token);
    this.returns = token.length > 0;
    this.dial(() => {});
  }

  dial(opened) {
    this.heardAt = performance.now();
    let socket;
    try {
      socket = this.socket = new this.WebSocket(this.url, SUBPROTOCOL);
    } catch (error) {
      // a page of https:// may not open ws://, and its own policy may forbid the address
      this.end('closed', `${this.url} cannot be opened from here: ${error.message}`);
      return;
    }
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => {
      opened();
      if (this.seats === 0) this.enter('joining', '');
      this.flush();
    };
    socket.onmessage = message => this.receive(message.data);
    socket.onclose = close => this.lose(close.code, close.reason);
    if (this.seats === 0) this.enter('connecting', '', true);
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
    const notices = [];
    for (let notice; (notice = this.session.poll_notice()); notice.free()) {
      notices.push({ text: notice.text, endsInS: notice.ends_in_s });
    }
    this.flush();
    if (this.state !== 'playing' && this.now() === 'playing') this.play();
    for (const notice of notices) this.on.notice(notice);
  }

  now() {
    return STATES[this.session.state()];
  }

  play() {
    this.seat.keep(this.session.token());
    if (this.session !== this.client) {
      const before = this.client;
      this.client = this.session;
      this.seats += 1;
      this.on.client(this.client);
      before?.free();
    }
    this.attempt = 0;
    this.enter('playing', '');
  }

  lose(code, reason) {
    const refused = this.now() === 'refused';
    const told = refused ? this.session.reason() : reason;
    this.socket = closed(this.socket);
    if (code === SEAT_GONE && (this.returns || this.session === this.client)) {
      this.seat.forget();
      this.begin(new Uint8Array(0));
      return;
    }
    // a first try is answered at once: somebody sits before the page and waits
    if (this.seats === 0 && !this.returns) {
      this.end(refused ? 'refused' : 'closed', told || `nobody answers at ${this.url}: is the server there, and does it take pages from here?`);
    } else if (this.session.handle_disconnected(performance.now(), code, reason)) {
      this.wait(told);
    } else {
      this.seat.forget();
      const taken = 'this seat is played in another tab or window now';
      this.end(this.now(), code === TAKEN_OVER ? taken : told || this.session.reason());
    }
  }

  // Until the client says that it is time.
  wait(reason = this.reason) {
    clearTimeout(this.retry);
    this.attempt = this.session.attempt();
    this.retryAt = this.session.next_try() ?? performance.now();
    // a timer may be a little early
    this.retry = setTimeout(() => {
      if (this.session.poll_connect(performance.now())) this.dial(() => this.session.handle_connected());
      else this.wait();
    }, Math.max(0, Math.ceil(this.retryAt - performance.now())));
    this.enter(this.seats > 0 ? 'resuming' : 'connecting', reason, true);
  }

  check(now) {
    if (this.socket && now - this.heardAt > SILENCE_MAX_MS) this.lose(BROKEN, 'the server fell silent');
  }

  end(state, reason) {
    clearTimeout(this.retry);
    clearInterval(this.checks);
    globalThis.removeEventListener?.('online', this.hurry);
    this.socket = closed(this.socket);
    this.enter(state, reason);
  }

  enter(state, reason, anew = false) {
    const same = state === this.state && reason === this.reason;
    Object.assign(this, { state, reason });
    if (anew || !same) this.on.state(state, reason);
  }
}

function closed(socket) {
  if (socket) {
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.close();
  }
  return null;
}
