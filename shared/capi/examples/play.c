/* Joins Arena by its URL, steers, and prints what it sees:  play [URL [SECONDS]]
 * Ends with 0 only if it got a seat, moved its ship, and never held another state than the server. */
#define _POSIX_C_SOURCE 200809L
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tickwire.h"

#define SHIPS_MAX 512

static tickwire_client *client;

/* Ends the program when a call failed. */
static void must(tickwire_status status, const char *what) {
    char text[300];
    if (status >= TICKWIRE_STATUS_OK) return;
    tickwire_error_text(client, text, sizeof text);
    fprintf(stderr, "%s: %s (%s)\n", what, text, tickwire_status_name(status));
    tickwire_free(client);
    exit(1);
}

/* All events since the last picture. */
static void read_events(unsigned *spawned, unsigned *despawned) {
    tickwire_event event;
    uint8_t payload[1024];
    tickwire_status status;
    while ((status = tickwire_poll_event(client, &event, payload, sizeof payload)) == TICKWIRE_STATUS_OK) {
        switch (event.kind) {
            case TICKWIRE_EVENT_KIND_JOINED: printf("seat %u of room %llu\n", event.seat, (unsigned long long)event.room); break;
            case TICKWIRE_EVENT_KIND_SPAWNED: ++*spawned; break;
            case TICKWIRE_EVENT_KIND_DESPAWNED: ++*despawned; break;
            case TICKWIRE_EVENT_KIND_REFUSED: printf("refused: %.*s\n", (int)event.payload_bytes, payload); break;
            default: break;
        }
    }
    must(status, "events");
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:7777/ws";
    double seconds = argc > 2 ? atof(argv[2]) : 5;
    const struct timespec picture = {0, 16 * 1000 * 1000};
    unsigned spawned = 0, despawned = 0, pictures = 0;
    double first[2] = {0, 0}, farthest = 0;
    uint32_t ship = TICKWIRE_NONE, x = 0, y = 0, seat = TICKWIRE_NONE;
    tickwire_session session;
    tickwire_stats stats;

    if (tickwire_abi_version() != TICKWIRE_ABI_VERSION) {
        fprintf(stderr, "the library is of another version than tickwire.h\n");
        return 2;
    }
    must(tickwire_connect(url, "arena", "play.c", NULL, &client), url);
    while (tickwire_now_ns(client) < seconds * 1e9) {
        uint64_t now;
        uint32_t own;
        size_t count;

        nanosleep(&picture, NULL);
        must(tickwire_update(client), "update");
        now = tickwire_now_ns(client);
        read_events(&spawned, &despawned);
        must(tickwire_session_read(client, &session), "session");
        if (session.state == TICKWIRE_STATE_REFUSED || session.state == TICKWIRE_STATE_CLOSED) break;
        if (!session.has_tick) continue;
        seat = session.seat;
        if (ship == TICKWIRE_NONE) {
            must(tickwire_kind_find(client, "Ship", &ship), "kind");
            must(tickwire_field_find(client, ship, "x", &x), "field");
            must(tickwire_field_find(client, ship, "y", &y), "field");
        }
        must(tickwire_input_set_number(client, "turn", pictures / 60 % 2 ? 1 : 0), "turn");
        must(tickwire_input_set_number(client, "thrust", 1), "thrust");
        must(tickwire_input_send(client, now, NULL), "input");

        must(tickwire_sample(client, now), "sample");
        if (tickwire_owned(client, &own, 1, &count) == TICKWIRE_STATUS_OK && count == 1) {
            double at[2], way;
            uint32_t kind;
            size_t row;
            if (tickwire_find(client, own, &kind, &row) != TICKWIRE_STATUS_OK || kind != ship) continue;
            must(tickwire_entity_f64(client, own, x, &at[0], 1, &count), "x");
            must(tickwire_entity_f64(client, own, y, &at[1], 1, &count), "y");
            if (first[0] == 0 && first[1] == 0) first[0] = at[0], first[1] = at[1];
            way = hypot(at[0] - first[0], at[1] - first[1]);
            if (way > farthest) farthest = way;
        }
        if (pictures++ % 60 == 0) {
            static uint32_t ids[SHIPS_MAX];
            static float xs[SHIPS_MAX], ys[SHIPS_MAX];
            size_t i, ships;
            must(tickwire_ids(client, ship, ids, SHIPS_MAX, &ships), "ids");
            must(tickwire_column_f32(client, ship, x, xs, SHIPS_MAX, &ships), "x");
            must(tickwire_column_f32(client, ship, y, ys, SHIPS_MAX, &ships), "y");
            printf("tick %u: %u entities, %u ships:", session.tick, session.entities, (unsigned)ships);
            for (i = 0; i < ships && i < 4; i++) {
                char name[64];
                uint32_t field;
                must(tickwire_field_find(client, ship, "name", &field), "name");
                tickwire_entity_text(client, ids[i], field, 0, name, sizeof name);
                printf(" %s (%.1f, %.1f)", name, xs[i], ys[i]);
            }
            printf("\n");
        }
    }
    if (seat == TICKWIRE_NONE) {
        char reason[300];
        tickwire_reason(client, reason, sizeof reason);
        fprintf(stderr, "no seat: %s\n", reason);
    }
    must(tickwire_stats_read(client, &stats), "stats");
    printf("%u spawned, %u gone; moved %.1f; rtt %.1f ms; %llu frames, %llu hashes checked, %llu desyncs\n", spawned,
           despawned, farthest, stats.rtt_ns / 1e6, (unsigned long long)stats.frames,
           (unsigned long long)stats.hashes_checked, (unsigned long long)stats.desyncs);
    must(tickwire_leave(client), "leave");
    tickwire_free(client);
    return seat != TICKWIRE_NONE && farthest > 1 && stats.hashes_checked > 0 && stats.desyncs == 0 ? 0 : 1;
}
