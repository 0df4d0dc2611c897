// `window.tickwire`: a look at the running client for tests and curious people. Read-only.

const KINDS = ['ship', 'rock', 'shot', 'pickup', 'leader'];

export function openWindow(arena) {
  const { world, camera } = arena;
  const places = kind => [...world.byKind[kind].values()].map(({ id, x, y, angle, name }) => ({ id, kind: KINDS[kind], x, y, angle, name }));
  Object.defineProperty(window, 'tickwire', {
    value: Object.freeze({
      /** idle, connecting, joining, playing, resuming, refused or closed */
      get phase() { return arena.phase; },
      get tick() { return world.line.tick; },
      /** The low half of the state's hash at `tick`. */
      get hash() { return world.line.hash; },
      get stats() { return arena.room?.stats ?? {}; },
      get desyncs() { return arena.room?.stats.desyncs ?? 0; },
      get ownId() { return world.own.id; },
      get own() {
        const ship = world.ownShip();
        if (!ship) return undefined;
        const { id, x, y, angle, hp, dead, safe, name } = ship;
        const { vx, vy } = world.own;
        return { id, x, y, angle, vx, vy, hp, dead, safe, name, screen: camera.toScreen(x, y) };
      },
      /** Everything as it is drawn; leaders only lie roughly where they are. */
      entities: () => KINDS.flatMap((_, kind) => places(kind)),
      entity(id) { return this.entities().find(entity => entity.id === id); },
    }),
  });
}
