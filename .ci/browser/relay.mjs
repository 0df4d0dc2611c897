// A TCP relay in front of a server, whose connections can be cut: what a page sees when a network breaks.

import { once } from 'node:events';
import net from 'node:net';

export class Relay {
  /** In front of `address`, `http://host:port`; gives the relay. */
  static async before(address) {
    const relay = new Relay();
    const { hostname: host, port } = new URL(address);
    relay.sockets = new Set();
    relay.broken = false;
    relay.server = net.createServer(near => {
      if (relay.broken) return near.destroy();
      const far = net.connect({ host, port });
      for (const [socket, other] of [[near, far], [far, near]]) {
        relay.sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => { relay.sockets.delete(socket); other.destroy(); });
        socket.pipe(other);
      }
    });
    relay.server.listen(0, '127.0.0.1');
    await once(relay.server, 'listening');
    relay.address = `http://127.0.0.1:${relay.server.address().port}`;
    return relay;
  }

  /** Ends all connections, without a word. */
  cut() {
    for (const socket of this.sockets) socket.destroy();
  }

  /** Cuts, and lets nobody through until `mend`. */
  break() {
    this.broken = true;
    this.cut();
  }

  mend() {
    this.broken = false;
  }

  async stop() {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }
}
