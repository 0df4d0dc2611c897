#ifndef TICKWIRE_H
#define TICKWIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// The version of this interface, and of every struct in it. A program asks for it first: what was built against another
// version is not to go on.
#define TICKWIRE_ABI_VERSION 1

// Stands for the input where a kind's number is asked for.
#define TICKWIRE_INPUT 65535

// Stands for no kind, no seat.
#define TICKWIRE_NONE 4294967295

// What became of a call. Below zero it is an error, and `tickwire_error_text` says which.
enum tickwire_status
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // Done.
  TICKWIRE_STATUS_OK = 0,
  // Done, and there was nothing: no message, no event.
  TICKWIRE_STATUS_NOTHING = 1,
  // A pointer is NULL, or not aligned, that must not be.
  TICKWIRE_STATUS_ERROR_POINTER = -1,
  // A buffer is too short; the count that was asked for tells how much it takes. Nothing was written to it.
  TICKWIRE_STATUS_ERROR_SHORT = -2,
  // Not yet: the server has not sent the game's schema.
  TICKWIRE_STATUS_ERROR_NOT_READY = -3,
  // There is no such kind, field, element, variant or entity.
  TICKWIRE_STATUS_ERROR_UNKNOWN = -4,
  // A value is not of the field's type or range, or the column is of another type.
  TICKWIRE_STATUS_ERROR_VALUE = -5,
  // A text is no UTF-8, or an argument is out of its range.
  TICKWIRE_STATUS_ERROR_ARGUMENT = -6,
  // The server broke the protocol: close the connection.
  TICKWIRE_STATUS_ERROR_PROTOCOL = -7,
  // The library was built without the transport, or the system gives no thread for it.
  TICKWIRE_STATUS_ERROR_TRANSPORT = -8,
  // The library has a bug and this client met it. Only `tickwire_error_text` and `tickwire_free` take it any more.
  TICKWIRE_STATUS_ERROR_PANIC = -9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tickwire_status tickwire_status;
#else
typedef int32_t tickwire_status;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What a field's values are.
enum tickwire_field_type
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // 0 or 1.
  TICKWIRE_FIELD_TYPE_BOOL = 0,
  // A whole number of the field's range.
  TICKWIRE_FIELD_TYPE_INT = 1,
  // A number of the field's range.
  TICKWIRE_FIELD_TYPE_FLOAT = 2,
  // Radians.
  TICKWIRE_FIELD_TYPE_ANGLE = 3,
  // The number of a variant; see `tickwire_variant_name`.
  TICKWIRE_FIELD_TYPE_ENUM = 4,
  // UTF-8.
  TICKWIRE_FIELD_TYPE_TEXT = 5,
  // A rotation: x, y, z, w.
  TICKWIRE_FIELD_TYPE_QUAT = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tickwire_field_type tickwire_field_type;
#else
typedef int32_t tickwire_field_type;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// What happened.
enum tickwire_event_kind
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // The client has a seat: `room`, `seat`.
  TICKWIRE_EVENT_KIND_JOINED = 1,
  // The connection broke, and the client tries to come back: `code`.
  TICKWIRE_EVENT_KIND_DISCONNECTED = 2,
  // It has its seat again; what was there and still is goes on: `events_lost`.
  TICKWIRE_EVENT_KIND_RESUMED = 3,
  // The server said no; the reason is the payload, UTF-8 without a zero.
  TICKWIRE_EVENT_KIND_REFUSED = 4,
  // An entity can be seen from now on: `entity`, `entity_kind`.
  TICKWIRE_EVENT_KIND_SPAWNED = 5,
  // An entity is gone: `entity`, `entity_kind`.
  TICKWIRE_EVENT_KIND_DESPAWNED = 6,
  // The game sent something: the payload, in the game's own encoding.
  TICKWIRE_EVENT_KIND_GAME = 7,
  // The newest input that the server used: `tick`, `took_ns`.
  TICKWIRE_EVENT_KIND_ACKED = 8,
  // The state differed from the server's, and heals: `tick`.
  TICKWIRE_EVENT_KIND_DESYNC = 9,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tickwire_event_kind tickwire_event_kind;
#else
typedef int32_t tickwire_event_kind;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Where a client is on its way.
enum tickwire_state
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
  // There is no client, or it met a bug.
  TICKWIRE_STATE_NONE = 0,
  // Neither a connection nor a seat yet: the last try failed, and another one follows.
  TICKWIRE_STATE_CONNECTING = 1,
  // It asks for a seat.
  TICKWIRE_STATE_JOINING = 2,
  // In a room.
  TICKWIRE_STATE_PLAYING = 3,
  // The connection broke; the server holds the seat for a while, and the client tries to come back to it.
  TICKWIRE_STATE_RESUMING = 4,
  // The server said no: `tickwire_reason`.
  TICKWIRE_STATE_REFUSED = 5,
  // It left, or the connection is over for good: `tickwire_reason`.
  TICKWIRE_STATE_CLOSED = 6,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum tickwire_state tickwire_state;
#else
typedef int32_t tickwire_state;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// One player's end of a session. Made by `tickwire_client_new` or `tickwire_connect`, freed by `tickwire_free`.
//
// One thread at a time uses it; which one may change. Different clients have nothing in common.
typedef struct tickwire_client tickwire_client;

// How a client plays; `tickwire_options_init` fills in the defaults.
typedef struct tickwire_options {
  // Whether it comes back to its seat when the connection breaks; true.
  bool reconnects;
  // Whether commands that are sent meanwhile are kept (the last 64) or dropped; false: dropped.
  bool keeps_commands;
  // Over wss:// take anybody's certificate: what is said can then be read and changed by whoever is in between; false.
  bool trusts_anybody;
  // After so many milliseconds without a seat it gives up; 60,000.
  uint32_t give_up_after_ms;
  // For the waits between tries; 0: drawn from the operating system.
  uint64_t seed;
  // Over wss:// take the certificates of these authorities and no others, as PEM that ends with a zero; NULL: those of
  // the public authorities. Read during the call only.
  const char *trusted_pem;
  // Who the player is, where the server asks: a signed token, or a ticket of its HTTP API; NULL or empty: nobody in
  // particular. Read during the call only.
  const char *pass;
  // Which room, as JSON, such as {"code": "K7QX4MTW"}; NULL or empty: any. Read during the call only.
  const char *wish;
} tickwire_options;

// A field of a kind, or of the input.
typedef struct tickwire_field {
  // What its values are.
  tickwire_field_type field_type;
  // 1, or the length of the array that it is.
  uint32_t elements;
  // Numbers that an element is in a column: 4 of a quaternion, 0 of a text, else 1.
  uint32_t components;
  // Bytes that an element takes in `tickwire_column_text`, with its closing zero; 0 of what is no text.
  uint32_t text_bytes;
  // Variants of an enum, else 0.
  uint32_t variants;
  // Only the seat that owns the entity receives it; others read the smallest value.
  bool owner_only;
  // Smallest and largest value of an integer or a float, else 0.
  double min;
  // See `min`.
  double max;
} tickwire_field;

// What happened, and whatever belongs to it; the rest is 0.
typedef struct tickwire_event {
  // What.
  tickwire_event_kind kind;
  // Of `Spawned`, `Despawned`.
  uint32_t entity;
  // Of `Spawned`, `Despawned`: the kind's number.
  uint32_t entity_kind;
  // Of `Acked`, `Desync`.
  uint32_t tick;
  // Of `Acked`: from the input to its ack; -1 when nobody knows.
  int64_t took_ns;
  // Of `Joined`.
  uint64_t room;
  // Of `Joined`.
  uint32_t seat;
  // Of `Disconnected`: the WebSocket's close code, 1006 when there was none.
  uint32_t code;
  // Of `Resumed`: events of the game that are lost, because there were too many.
  uint32_t events_lost;
  // Bytes of payload.
  size_t payload_bytes;
} tickwire_event;

// Which step is to be worked out.
typedef struct tickwire_step {
  // The entity that advances.
  uint32_t entity;
  // Its kind's number.
  uint32_t kind;
  // The tick that it advances to.
  uint32_t tick;
  // Seconds from one tick to the next.
  float dt_s;
  // Numbers that `own` and `input` have.
  size_t own_count;
  // See `own_count`.
  size_t input_count;
} tickwire_step;

// Moves an own entity one tick on, as the game's tick does at the server when nothing else meets it. `own` are the
// numbers of the entity after the tick before, and are to be as after this one; `input` are those of what the player
// wants. `tickwire_number_find` tells where a field's stand. What is written is made to fit: into the field's range, to
// the nearest step; what is no number (NaN) changes nothing.
//
// Called by `tickwire_handle_message`, `tickwire_update` and `tickwire_input_send`, some times for each tick; it must not
// call the client, and gives the same for the same numbers. Reckon in `float` where the server does.
typedef void (*tickwire_step_function)(void *user, const struct tickwire_step *step, const double *input, double *own);

// Whether it is no use to glide from where an own entity of this kind was drawn to where it is: it returned from the
// dead, or went through a portal.
typedef bool (*tickwire_jumped_function)(void *user, uint32_t kind, const double *drawn, const double *is);

// What became of predictions.
typedef struct tickwire_corrections {
  // How often what was predicted turned out otherwise, so that one could see it.
  uint64_t count;
  // How often an own entity jumped.
  uint64_t jumps;
  // For how long a difference showed at most.
  uint64_t longest_ns;
  // The largest difference, in steps of a field.
  float steps_max;
} tickwire_corrections;

// All that is to be known about the session itself.
typedef struct tickwire_session {
  // Where it is.
  tickwire_state state;
  // The seat, or `TICKWIRE_NONE`. It stays while the client comes back.
  uint32_t seat;
  // The room's number; 0 while not playing.
  uint64_t room;
  // Whether the schema is known, so that kinds and fields can be asked for.
  bool has_schema;
  // Whether there is a state, so that `tick` means something.
  bool has_tick;
  // The tick of the newest state.
  uint32_t tick;
  // From tick to tick.
  uint64_t tick_interval_ns;
  // The low half of the hash over all that the client holds: the same as the server's for this tick.
  uint32_t state_hash;
  // Entities that the client holds.
  uint32_t entities;
  // While connecting or resuming: which try that is or will be, from 1.
  uint32_t attempt;
  // While connecting or resuming: when the next try is due; 0 while one is under way.
  uint64_t next_try_ns;
} tickwire_session;

// What the client measures; times in nanoseconds, -1 while unknown.
typedef struct tickwire_stats {
  // From a ping to its pong.
  int64_t rtt_ns;
  // From an input to the frame that acked it.
  int64_t input_to_ack_ns;
  // Mean deviation of the time from frame to frame.
  int64_t jitter_ns;
  // How far behind the arriving ticks things are drawn: the buffer against jitter.
  int64_t interpolation_delay_ns;
  // For how long in all the buffer was empty.
  int64_t underrun_ns;
  // How often that was so.
  uint64_t underruns;
  // Frames applied.
  uint64_t frames;
  // Bytes of messages received.
  uint64_t bytes_in;
  // Bytes of messages sent.
  uint64_t bytes_out;
  // State hashes compared with the server's.
  uint64_t hashes_checked;
  // State hashes that differed.
  uint64_t desyncs;
  // Events that nobody polled in time.
  uint64_t events_dropped;
  // How early inputs are at the server in the mean, in milliseconds; negative when they come too late.
  float margin_ms;
  // How early they are meant to be.
  float margin_wanted_ms;
} tickwire_stats;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// The library's `TICKWIRE_ABI_VERSION`.
uint32_t tickwire_abi_version(void);

// A status in words, which stay where they are; of a number that is none, "unknown status".
const char *tickwire_status_name(int32_t status);

// Fills in the defaults.
//
// # Safety
// `options` is NULL or points to one.
tickwire_status tickwire_options_init(struct tickwire_options *options);

// Makes a client of the game with this name that asks for a seat under `name`, for a transport that the caller brings:
// `tickwire_next_message` has what is to be sent, `tickwire_handle_message` takes what came.
//
// Both texts are UTF-8 and end with a zero; `name` may be empty. `options` may be NULL: the defaults. On success
// `*client` is a client, to be freed by `tickwire_free`; else it is NULL and `tickwire_error_text(NULL, ...)` says why.
//
// # Safety
// The pointers are NULL or point to what is said here.
tickwire_status tickwire_client_new(const char *game,
                                    const char *name,
                                    const struct tickwire_options *options,
                                    struct tickwire_client **client);

// Frees a client; NULL is none. One of `tickwire_connect` closes its connection first and waits up to a second for
// that. The server holds the seat of a client that has not left (`tickwire_leave`) for a while.
//
// # Safety
// `client` is NULL, or a client that is not freed yet and that no other thread uses. Nobody may use it afterwards.
void tickwire_free(struct tickwire_client *client);

// What went wrong in the last call on this client that failed; with NULL, in the last one on this thread that had no
// client. Copies as much as there is room for, and a zero, and gives the bytes that all of it takes, with the zero.
//
// # Safety
// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
size_t tickwire_error_text(const struct tickwire_client *client, char *buffer, size_t capacity);

// Nanoseconds since this client was made, by a clock that never goes back: the `now_ns` of the other calls, for those
// who have no such clock, and the one to be used with `tickwire_connect`. 0 where there is no client.
//
// # Safety
// `client` is NULL or a client.
uint64_t tickwire_now_ns(const struct tickwire_client *client);

// Gives the seat back; the server closes the connection.
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_leave(struct tickwire_client *client);

// Takes everything as it is to be drawn at `now_ns`: a little in the past, moving smoothly. What the calls below read
// stays as it is until the next of these calls. Fails with `TICKWIRE_STATUS_ERROR_NOT_READY` before the schema is known.
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_sample(struct tickwire_client *client,
                                uint64_t now_ns);

// As `tickwire_sample`, but everything as the server told it last: for bots and rules.
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_sample_newest(struct tickwire_client *client);

// Whether things move in curves between the server's states (from now on), or in straight lines, as they do at first:
// below 30 states a second lines have corners that one sees.
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_interpolate_curves(struct tickwire_client *client, bool curves);

// The ids of a kind's entities, in no particular order; the columns of the kind have the same. `*count` is their number;
// with `capacity` 0 that is all that is asked.
//
// # Safety
// `client` is NULL or a client; `ids` has room for `capacity` or is NULL; `count` is NULL or a place for one.
tickwire_status tickwire_ids(struct tickwire_client *client,
                             uint32_t kind,
                             uint32_t *ids,
                             size_t capacity,
                             size_t *count);

// The ids of the entities that belong to the seat, as the server told last. `*count` is their number.
//
// # Safety
// As `tickwire_ids`.
tickwire_status tickwire_owned(struct tickwire_client *client, uint32_t *ids, size_t capacity, size_t *count);

// The kind of one entity, and its place in the columns of that kind. `TICKWIRE_STATUS_ERROR_UNKNOWN`: it is not there.
//
// # Safety
// `client` is NULL or a client; the others are NULL or places for one.
tickwire_status tickwire_find(struct tickwire_client *client, uint32_t id, uint32_t *kind, size_t *row);

// A field of all entities of a kind, as floats: for each entity, in the order of `tickwire_ids`, each element of the
// field, and of a quaternion x, y, z, w. Booleans are 0 and 1, variants their numbers. `*count` is how many numbers
// that are.
//
// # Safety
// `client` is NULL or a client; `out` has room for `capacity` or is NULL; `count` is NULL or a place for one.
tickwire_status tickwire_column_f32(struct tickwire_client *client,
                                    uint32_t kind,
                                    uint32_t field,
                                    float *out,
                                    size_t capacity,
                                    size_t *count);

// As `tickwire_column_f32`, as doubles: exact for integers of up to 53 bits.
//
// # Safety
// As `tickwire_column_f32`.
tickwire_status tickwire_column_f64(struct tickwire_client *client,
                                    uint32_t kind,
                                    uint32_t field,
                                    double *out,
                                    size_t capacity,
                                    size_t *count);

// As `tickwire_column_f32`, of booleans, variants and integers that 32 bits hold: see `tickwire_field`'s range.
//
// # Safety
// As `tickwire_column_f32`.
tickwire_status tickwire_column_i32(struct tickwire_client *client,
                                    uint32_t kind,
                                    uint32_t field,
                                    int32_t *out,
                                    size_t capacity,
                                    size_t *count);

// As `tickwire_column_i32`, of all integers.
//
// # Safety
// As `tickwire_column_f32`.
tickwire_status tickwire_column_i64(struct tickwire_client *client,
                                    uint32_t kind,
                                    uint32_t field,
                                    int64_t *out,
                                    size_t capacity,
                                    size_t *count);

// A field of texts of all entities of a kind. Each element takes as many bytes as `tickwire_field.text_bytes` says: the
// text in UTF-8 and zeros, at least one. `*count` is how many bytes that are.
//
// # Safety
// As `tickwire_column_f32`.
tickwire_status tickwire_column_text(struct tickwire_client *client,
                                     uint32_t kind,
                                     uint32_t field,
                                     char *out,
                                     size_t capacity,
                                     size_t *count);

// A field of one entity, as doubles: as many as the field has elements, times four for quaternions.
//
// # Safety
// As `tickwire_column_f32`.
tickwire_status tickwire_entity_f64(struct tickwire_client *client,
                                    uint32_t id,
                                    uint32_t field,
                                    double *out,
                                    size_t capacity,
                                    size_t *count);

// An element of a field of texts of one entity. Copies as much as there is room for, and a zero, and gives the bytes
// that all of it takes, with the zero; 0 where there is none.
//
// # Safety
// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
size_t tickwire_entity_text(struct tickwire_client *client,
                            uint32_t id,
                            uint32_t field,
                            uint32_t element,
                            char *buffer,
                            size_t capacity);

// How many kinds of entities the game has: their numbers are below that. 0 before the schema is known.
//
// # Safety
// `client` is NULL or a client.
uint32_t tickwire_kind_count(struct tickwire_client *client);

// The name of a kind; of `TICKWIRE_INPUT`, that of the input. Copies as much as there is room for, and a zero, and gives
// the bytes that all of it takes, with the zero; 0 where there is no such kind.
//
// # Safety
// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
size_t tickwire_kind_name(struct tickwire_client *client,
                          uint32_t kind,
                          char *buffer,
                          size_t capacity);

// The number of the kind with this name.
//
// # Safety
// `client` is NULL or a client; `name` is NULL or ends with a zero; `kind` is NULL or a place for one.
tickwire_status tickwire_kind_find(struct tickwire_client *client, const char *name, uint32_t *kind);

// How many fields a kind has, or the input: their numbers are below that. 0 where there is no such kind.
//
// # Safety
// `client` is NULL or a client.
uint32_t tickwire_field_count(struct tickwire_client *client, uint32_t kind);

// The name of a field; as `tickwire_kind_name`.
//
// # Safety
// As `tickwire_kind_name`.
size_t tickwire_field_name(struct tickwire_client *client,
                           uint32_t kind,
                           uint32_t field,
                           char *buffer,
                           size_t capacity);

// The number of the field with this name.
//
// # Safety
// `client` is NULL or a client; `name` is NULL or ends with a zero; `field` is NULL or a place for one.
tickwire_status tickwire_field_find(struct tickwire_client *client, uint32_t kind, const char *name, uint32_t *field);

// What a field is.
//
// # Safety
// `client` is NULL or a client; `told` is NULL or a place for one.
tickwire_status tickwire_field_describe(struct tickwire_client *client,
                                        uint32_t kind,
                                        uint32_t field,
                                        struct tickwire_field *told);

// The name of a variant of a field; as `tickwire_kind_name`.
//
// # Safety
// As `tickwire_kind_name`.
size_t tickwire_variant_name(struct tickwire_client *client,
                             uint32_t kind,
                             uint32_t field,
                             uint32_t variant,
                             char *buffer,
                             size_t capacity);

// The next thing that happened; `TICKWIRE_STATUS_NOTHING` when there is none. Its payload goes to `payload`. When that has no
// room for it (`TICKWIRE_STATUS_ERROR_SHORT`) `event->payload_bytes` tells how much it takes, and the event waits. At most 4,096
// wait; beyond them the oldest goes.
//
// # Safety
// `client` is NULL or a client; `event` is NULL or a place for one; `payload` has room for `capacity` bytes or is NULL.
tickwire_status tickwire_poll_event(struct tickwire_client *client,
                                    struct tickwire_event *event,
                                    uint8_t *payload,
                                    size_t capacity);

// As `tickwire_poll_event`, but what happened in the game waits until `tickwire_sample` at `now_ns` draws its tick: a bang
// is heard when the ship is seen to burst. Use the one or the other.
//
// # Safety
// As `tickwire_poll_event`.
tickwire_status tickwire_poll_event_at(struct tickwire_client *client,
                                       uint64_t now_ns,
                                       struct tickwire_event *event,
                                       uint8_t *payload,
                                       size_t capacity);

// The next word from whoever runs the server, to be shown to the player; `TICKWIRE_STATUS_NOTHING` when there is none.
// As much of it as there is room for, and a zero, go to `text`. `*ends_in_s`, which may be NULL, is in how many seconds
// the connection ends, or -1. The last 16 wait.
//
// # Safety
// `client` is NULL or a client; `text` has room for `capacity` bytes or is NULL; `ends_in_s` is NULL or a place for one.
tickwire_status tickwire_poll_notice(struct tickwire_client *client,
                                     char *text,
                                     size_t capacity,
                                     int64_t *ends_in_s);

// The input says nothing again: false, 0, empty, or as near to it as ranges allow. What is set stays set otherwise.
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_input_rest(struct tickwire_client *client);

// Sets a field of the input by name: a boolean (0 or not), an integer, a float, an angle, the number of a variant. What
// the schema does not allow is refused (`TICKWIRE_STATUS_ERROR_VALUE`) and changes nothing.
//
// # Safety
// `client` is NULL or a client; `field` is NULL or ends with a zero.
tickwire_status tickwire_input_set_number(struct tickwire_client *client, const char *field, double number);

// As `tickwire_input_set_number`, of the field with this number, and of the element of an array.
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_input_set_number_at(struct tickwire_client *client,
                                             uint32_t field,
                                             uint32_t element,
                                             double number);

// Sets an element of a field of texts, or names the variant of an enum.
//
// # Safety
// `client` is NULL or a client; the texts are NULL or end with a zero.
tickwire_status tickwire_input_set_text(struct tickwire_client *client,
                                        const char *field,
                                        uint32_t element,
                                        const char *text);

// Sets an element of a field of quaternions.
//
// # Safety
// `client` is NULL or a client; `field` is NULL or ends with a zero.
tickwire_status tickwire_input_set_quat(struct tickwire_client *client,
                                        const char *field,
                                        uint32_t element,
                                        float x,
                                        float y,
                                        float z,
                                        float w);

// What was set is what the player wants at `now_ns`. Call it for each picture: at most one input leaves for each tick,
// and none while there is no seat. `*left` tells whether one left; it may be NULL. Also keeps the connection's pings
// going.
//
// # Safety
// `client` is NULL or a client; `left` is NULL or a place for one.
tickwire_status tickwire_input_send(struct tickwire_client *client, uint64_t now_ns, bool *left);

// Sends a command to the game, in the game's own encoding. Without a seat it is dropped; while the client comes back,
// dropped or kept, as the options say.
//
// # Safety
// `client` is NULL or a client; `command` points to `length` bytes or is NULL.
tickwire_status tickwire_command(struct tickwire_client *client, const uint8_t *command, size_t length);

// From now on own entities are predicted by `step`, and `tickwire_sample` has them where the inputs that leave now take
// them; all else stays a little in the past. `fields` are the names of the `count` fields that the step works out, in all
// kinds that have them; others may change at the server as they like. None: all fields. `jumped` may be NULL: nothing
// does. `user` is given to both as it is. `step` NULL: nothing is predicted any more.
//
// What the step foretells and the server's word differ when something else met the entity, or when the server goes on from
// numbers that it did not send. Then all is worked out anew, and the picture glides there within a tenth of a second.
//
// The schema must be known (`TICKWIRE_STATUS_ERROR_NOT_READY`); a name that no kind has is refused.
//
// # Safety
// `client` is NULL or a client; `fields` points to `count` texts that end with a zero, or is NULL; the functions may be
// called with `user` as long as the client is there, by the threads that use it.
tickwire_status tickwire_predict(struct tickwire_client *client,
                                 const char *const *fields,
                                 size_t count,
                                 tickwire_step_function step,
                                 tickwire_jumped_function jumped,
                                 void *user);

// Where the first number of a field stands among those of a step, of a kind or of `TICKWIRE_INPUT`: fields are in their
// order, elements one after the other; of each there are as many numbers as `tickwire_field` tells components: four of a
// quaternion (x, y, z, w), none of a text, else one.
//
// # Safety
// `client` is NULL or a client; `field` is NULL or ends with a zero; `at` is NULL or a place for one.
tickwire_status tickwire_number_find(struct tickwire_client *client,
                                     uint32_t kind,
                                     const char *field,
                                     size_t *at);

// Tells what became of predictions; all 0 while nothing is predicted.
//
// # Safety
// `client` is NULL or a client; `corrections` is NULL or a place for one.
tickwire_status tickwire_corrections_read(struct tickwire_client *client, struct tickwire_corrections *corrections);

// Where the client is on its way.
//
// # Safety
// `client` is NULL or a client.
tickwire_state tickwire_client_state(struct tickwire_client *client);

// Why it is over, or, while it connects or comes back, what went wrong last; in words. Copies as much as there is room
// for, and a zero, and gives the bytes that all of it takes, with the zero; 1 when nothing went wrong.
//
// # Safety
// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
size_t tickwire_reason(struct tickwire_client *client, char *buffer, size_t capacity);

// What others join this room by, as the wish {"code": ...}; empty where it has no code. Copies as much as there is room
// for, and a zero, and gives the bytes that all of it takes, with the zero.
//
// # Safety
// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL.
size_t tickwire_room_code(struct tickwire_client *client, char *buffer, size_t capacity);

// Tells about the session.
//
// # Safety
// `client` is NULL or a client; `session` is NULL or a place for one.
tickwire_status tickwire_session_read(struct tickwire_client *client, struct tickwire_session *session);

// Tells what the client measures.
//
// # Safety
// `client` is NULL or a client; `stats` is NULL or a place for one.
tickwire_status tickwire_stats_read(struct tickwire_client *client, struct tickwire_stats *stats);

// A whole binary message arrived at `now_ns`. `TICKWIRE_STATUS_ERROR_PROTOCOL`: it is wrong and the session is over;
// close the WebSocket with 1002.
//
// # Safety
// `client` is NULL or a client; `message` points to `length` bytes or is NULL.
tickwire_status tickwire_handle_message(struct tickwire_client *client,
                                        uint64_t now_ns,
                                        const uint8_t *message,
                                        size_t length);

// The next message for the transport, to be sent as one binary message; `TICKWIRE_STATUS_NOTHING` when there is none.
// Ask after every other call until there is none. `*length` is its length; when `buffer` has no room for it
// (`TICKWIRE_STATUS_ERROR_SHORT`) it waits.
//
// # Safety
// `client` is NULL or a client; `buffer` has room for `capacity` bytes or is NULL; `length` is NULL or a place for one.
tickwire_status tickwire_next_message(struct tickwire_client *client, uint8_t *buffer, size_t capacity, size_t *length);

// A new connection stands, after `tickwire_poll_connect` asked for it. Of the first one nothing need be told.
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_connected(struct tickwire_client *client);

// The connection is over, or could not be made. `code` is the WebSocket's close code, 1006 when there was none; `reason`
// is for a person and may be NULL. `*returns` tells whether the client will come back, then `tickwire_poll_connect` says
// when; it may be NULL.
//
// # Safety
// `client` is NULL or a client; `reason` is NULL or ends with a zero; `returns` is NULL or a place for one.
tickwire_status tickwire_disconnected(struct tickwire_client *client,
                                      uint64_t now_ns,
                                      uint16_t code,
                                      const char *reason,
                                      bool *returns);

// Whether to connect now (`TICKWIRE_STATUS_OK`; said once for each try) or not (`TICKWIRE_STATUS_NOTHING`).
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_poll_connect(struct tickwire_client *client, uint64_t now_ns);

// Makes a client as `tickwire_client_new` does, and connects it to `url`, such as ws://127.0.0.1:7777/ws, on a thread of
// the library's own. Returns at once: `tickwire_update` moves it on, `tickwire_client_state` says how far it is, and
// `tickwire_reason` why it is not further. When the connection breaks it comes back to its seat by itself, as the
// options say. The calls for a transport of the caller's are of no use to it; its `now_ns` is that of
// `tickwire_now_ns`.
//
// # Safety
// As `tickwire_client_new`; `url` is NULL or ends with a zero.
tickwire_status tickwire_connect(const char *url,
                                 const char *game,
                                 const char *name,
                                 const struct tickwire_options *options,
                                 struct tickwire_client **client);

// Takes what came since the last call, and sends what is to be sent. Once for each picture, on any thread; waits for
// nothing. Of use after `tickwire_connect` only.
//
// # Safety
// `client` is NULL or a client.
tickwire_status tickwire_update(struct tickwire_client *client);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* TICKWIRE_H */
