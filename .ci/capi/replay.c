/* Plays a recorded session back and compares the state after each message: replay FILE
 * shared/tests/session/README.md has the file's layout. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tickwire.h"

static uint64_t number(const uint8_t **at, const uint8_t *end, int bytes) {
    uint64_t value = 0;
    if (end - *at < bytes) {
        fprintf(stderr, "the recording ends early\n");
        exit(2);
    }
    for (int i = 0; i < bytes; i++) value |= (uint64_t)(*at)[i] << (8 * i);
    *at += bytes;
    return value;
}

int main(int argc, char **argv) {
    static uint8_t all[1 << 22];
    FILE *file = argc == 2 ? fopen(argv[1], "rb") : NULL;
    if (file == NULL) {
        fprintf(stderr, "usage: replay FILE\n");
        return 2;
    }
    const uint8_t *at = all, *end = all + fread(all, 1, sizeof all, file);
    fclose(file);
    if (end - at < 11 || memcmp(at, "tickwire", 8) != 0) return 2;
    at += 10;
    char game[256] = {0};
    size_t length = (size_t)number(&at, end, 1);
    memcpy(game, at, length);
    at += length;

    tickwire_client *client;
    char text[300];
    if (tickwire_client_new(game, "replay", NULL, &client) != TICKWIRE_STATUS_OK) return 2;
    unsigned messages = 0, sampled = 0;
    int wrong = 0;
    while (at < end) {
        uint64_t now = number(&at, end, 8) * 1000;
        size_t bytes = (size_t)number(&at, end, 4);
        tickwire_status status = tickwire_handle_message(client, now, at, bytes);
        at += bytes;
        uint32_t hash = (uint32_t)number(&at, end, 4), entities = (uint32_t)number(&at, end, 4);
        messages++;
        tickwire_session session;
        if (status != TICKWIRE_STATUS_OK || tickwire_session_read(client, &session) != TICKWIRE_STATUS_OK) {
            tickwire_error_text(client, text, sizeof text);
            fprintf(stderr, "message %u: %s\n", messages, text);
            wrong = 1;
            break;
        }
        if (session.state_hash != hash || session.entities != entities) {
            fprintf(stderr, "after message %u: state %08x of %u entities, recorded %08x of %u\n", messages,
                    session.state_hash, session.entities, hash, entities);
            wrong = 1;
        }
        /* every column of every kind */
        if (tickwire_sample(client, now) == TICKWIRE_STATUS_OK) {
            for (uint32_t kind = 0; kind < tickwire_kind_count(client); kind++) {
                for (uint32_t field = 0; field < tickwire_field_count(client, kind); field++) {
                    size_t count = 0;
                    if (tickwire_column_f32(client, kind, field, NULL, 0, &count) != TICKWIRE_STATUS_ERROR_SHORT) continue;
                    float *cells = malloc(count * sizeof *cells);
                    if (cells == NULL) return 2;
                    if (tickwire_column_f32(client, kind, field, cells, count, &count) != TICKWIRE_STATUS_OK) wrong = 1;
                    for (size_t i = 0; i < count; i++) sampled += cells[i] == cells[i];
                    free(cells);
                }
            }
        }
    }
    tickwire_free(client);
    printf("%u messages, %u numbers read, %s\n", messages, sampled, wrong ? "WRONG" : "every state as recorded");
    return wrong || messages < 250 || sampled == 0;
}
