// One connection that keeps itself alive: opens the socket, feeds the client core, comes back by itself.
//
// phase: "idle" -> "joining" -> "playing" -> "lost" (waiting to try again) -> "joining" ...; "refused" ends it.

const SUBPROTOCOL = 'tickwire.1';
const RETRY_FIRST_MS = 1000;
const RETRY_MAX_MS = 15000;
// A socket that neither opens nor fails, or a server that says nothing: as good as gone.
const SILENCE_MAX_MS = 8000;

export class Connection {
  /**
   * @param {new (name: string) => object} Core the wasm client: one for each socket
   * @param {{ phase: (phase: string, detail: object) => void, news: (news: object) => void }} on
   */
  constructor(Core, on) {
    this.Core = Core;
    this.on = on;
    this.phase = 'idle';
    this.played = false;
    this.core = null;
    this.socket = null;
    this.tries = 0;
    this.retryAt = 0;
    this.heardAt = 0;
  }

  join(name) {
    this.name = name;
    this.tries = 0;
    this.played = false;
    this.open();
  }

  /** Once a frame, and about once a second while the page is hidden. */
  update(now) {
    if (this.phase === 'lost' && now >= this.retryAt) this.open();
    if (this.socket && now - this.heardAt > SILENCE_MAX_MS) this.lose('the server fell silent');
  }

  /** Sends what the core wants to send. */
  flush() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    for (let bytes; (bytes = this.core.poll_transmit());) this.socket.send(bytes);
  }

  /** Tries again at once, if waiting to. */
  hurry() {
    if (this.phase === 'lost') this.retryAt = 0;
  }

  leave() {
    if (!this.core) return;
    this.core.leave();
    this.flush();
    // should the page come back from the browser's cache, it joins anew
    this.lose('');
    this.hurry();
  }

  open() {
    this.drop();
    this.core = new this.Core(this.name);
    this.heardAt = performance.now();
    const url = new URL('/ws', location.href);
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = this.socket = new WebSocket(url, SUBPROTOCOL);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => this.flush();
    socket.onmessage = message => this.receive(message.data);
    socket.onclose = close => this.lose(close.reason);
    this.enter('joining', {});
  }

  receive(data) {
    this.heardAt = performance.now();
    try {
      this.core.handle_message(this.heardAt, new Uint8Array(data));
    } catch (error) {
      // the server speaks, but not to this page: it was built anew, and only a reload brings the new page
      console.warn(`arena: ${error}`);
      this.drop();
      this.enter('refused', { reason: 'the server runs another version of the game: reload this page' });
      return;
    }
    this.flush();
    this.drainEvents();
  }

  drainEvents() {
    for (let news; (news = this.core.poll_news()); news.free()) this.on.news(news);
    const refusal = this.core.refusal();
    if (refusal !== undefined) this.refuse(refusal);
    else if (this.phase === 'joining' && this.core.playing()) {
      this.tries = 0;
      this.played = true;
      this.enter('playing', {});
    }
  }

  // A first "no" is an answer; one to somebody who was playing may pass, so it is asked again.
  refuse(reason) {
    if (this.played) {
      this.lose(reason);
    } else {
      this.drop();
      this.enter('refused', { reason });
    }
  }

  lose(reason) {
    this.drop();
    const wait = Math.min(RETRY_MAX_MS, RETRY_FIRST_MS * 1.6 ** this.tries) * (0.85 + 0.3 * Math.random());
    this.tries += 1;
    this.retryAt = performance.now() + wait;
    this.enter('lost', { reason });
  }

  drop() {
    const { socket, core } = this;
    this.socket = this.core = null;
    if (socket) {
      socket.onopen = socket.onmessage = socket.onclose = null;
      socket.close();
    }
    core?.free();
  }

  enter(phase, detail) {
    this.phase = phase;
    this.on.phase(phase, detail);
  }
}
