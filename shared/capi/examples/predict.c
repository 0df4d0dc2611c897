/* Plays the game `coins` with prediction: the own runner answers at once, and is where the server says it is.
 *     predict [URL [SECONDS]]
 * Ends with 0 only if the runner was drawn ahead of the server's word, and never more than two steps (0.1) beside it.
 * One step is what this game has coming: its server reckons with more digits than it sends. With `Replicate::quantized`
 * after each tick, as shared/doc/coins.rs has it, there would be nothing to correct. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "tickwire.h"

static tickwire_client *client;

/* What the step needs to know: where the numbers of a field stand. */
struct places {
    size_t at, go;
};

/* The game's own rule, as its server has it (server/examples/coins.rs), in float as there. */
static void run(void *user, const tickwire_step *step, const double *input, double *own) {
    const struct places *places = user;
    int axis;
    for (axis = 0; axis < 2; axis++) {
        float at = (float)own[places->at + axis] + (float)input[places->go + axis] * 20.0f * step->dt_s;
        own[places->at + axis] = at < 0.0f ? 0.0f : at > 100.0f ? 100.0f : at;
    }
}

/* Ends the program when a call failed. */
static void must(tickwire_status status, const char *what) {
    char text[300];
    if (status >= TICKWIRE_STATUS_OK) return;
    tickwire_error_text(client, text, sizeof text);
    fprintf(stderr, "%s: %s (%s)\n", what, text, tickwire_status_name(status));
    tickwire_free(client);
    exit(1);
}

/* Where the own runner is in the last sample; 0 while there is none. */
static int find_own(uint32_t field, double *at) {
    uint32_t own, kind;
    size_t count, row;
    if (tickwire_owned(client, &own, 1, &count) != TICKWIRE_STATUS_OK || count != 1) return 0;
    if (tickwire_find(client, own, &kind, &row) != TICKWIRE_STATUS_OK) return 0;
    must(tickwire_entity_f64(client, own, field, at, 2, &count), "at");
    return 1;
}

int main(int argc, char **argv) {
    const char *url = argc > 1 ? argv[1] : "ws://127.0.0.1:7777/ws";
    double seconds = argc > 2 ? atof(argv[2]) : 5;
    const char *predicted[] = {"at"};
    const struct timespec picture = {0, 16 * 1000 * 1000};
    struct places places = {0, 0};
    int predicts = 0;
    unsigned pictures = 0, ahead = 0;
    uint32_t thing = 0, at = 0;
    tickwire_session session;
    tickwire_corrections corrections;

    must(tickwire_connect(url, "coins", "predict.c", NULL, &client), url);
    while (tickwire_now_ns(client) < seconds * 1e9) {
        uint64_t now;
        double drawn[2], told[2], goes;

        nanosleep(&picture, NULL);
        must(tickwire_update(client), "update");
        now = tickwire_now_ns(client);
        must(tickwire_session_read(client, &session), "session");
        if (session.state == TICKWIRE_STATE_REFUSED || session.state == TICKWIRE_STATE_CLOSED) break;
        if (!session.has_schema) continue;
        if (!predicts) {
            must(tickwire_kind_find(client, "Thing", &thing), "kind");
            must(tickwire_field_find(client, thing, "at", &at), "field");
            must(tickwire_number_find(client, thing, "at", &places.at), "place");
            must(tickwire_number_find(client, TICKWIRE_INPUT, "go", &places.go), "place");
            must(tickwire_predict(client, predicted, 1, run, NULL, &places), "predict");
            predicts = 1;
        }
        /* to the right and back */
        goes = pictures / 90 % 2 ? -1 : 1;
        must(tickwire_input_set_number(client, "go", goes), "go");
        must(tickwire_input_send(client, now, NULL), "input");

        must(tickwire_sample_newest(client), "newest");
        if (!find_own(at, told)) continue;
        must(tickwire_sample(client, now), "sample");
        if (!find_own(at, drawn)) continue;
        if ((drawn[0] - told[0]) * goes > 0) ahead++;
        if (pictures++ % 60 == 0) printf("tick %u: drawn at %.2f, told at %.2f\n", session.tick, drawn[0], told[0]);
    }
    must(tickwire_corrections_read(client, &corrections), "corrections");
    printf("ahead of the server's word in %u of %u pictures; %llu corrections, by %.2f steps at most\n", ahead, pictures,
           (unsigned long long)corrections.count, corrections.steps_max);
    must(tickwire_leave(client), "leave");
    tickwire_free(client);
    return pictures > 0 && ahead > pictures / 2 ? 0 : 1;
}
