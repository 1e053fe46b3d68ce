/* The common request's way, natively: from its scope to its counted response.

   It does what `sidelight.asgi.fast_path` does in Python, and nothing else. That module is the
   reference: whatever is uncommon is given to it before anything has been changed, as a
   `RequestState` that knows all that was seen so far. Both ways have the same tests.

   - `Clock`       whether requests may have waited for the event loop
   - `Key`         a request key: what its requests have in common, and the series they count in
   - `Middleware`  the base of `SidelightMiddleware`, whose call it is
   - `Request`     the awaitable that such a call returns, and the application's `send`, `receive`
   - `Receiving`   the awaitable that `receive()` returns
   - `Clocked`     what a router calls, with its `Steps` clocked

   Nothing in here raises into a request: an error of our own is noted, and the request goes on.

   Without a GIL, several threads run this at once. What a dict gives is a reference of our own, since
   another thread may take the value out of it meanwhile; words are added to atomically; and a key's
   file and series are used in a critical section of the key. A request is used by one thread. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <structmember.h>
#ifdef __linux__
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#endif

#if PY_VERSION_HEX < 0x030D0000
#define Py_BEGIN_CRITICAL_SECTION(object) {
#define Py_END_CRITICAL_SECTION() }
#define PyObject_GetOptionalAttr _PyObject_LookupAttr
#endif

#if defined(_MSC_VER)
#include <intrin.h>
#define COLD __declspec(noinline)
#define publish(word, value) (*(volatile uint64_t *)(word) = (value))
#define add(word, value) ((void)_InterlockedExchangeAdd64((volatile __int64 *)(word), (__int64)(value)))
#define swap(flag, value) _InterlockedExchange8((volatile char *)(flag), (value))
#else
#define COLD __attribute__((cold, noinline))
/* One whole 8-byte store, after those before it: a reader in another process sees no half. */
#define publish(word, value) __atomic_store_n((word), (value), __ATOMIC_RELEASE)
#ifdef Py_GIL_DISABLED
#define add(word, value) ((void)__atomic_fetch_add((word), (value), __ATOMIC_RELAXED))
#define swap(flag, value) __atomic_exchange_n((flag), (value), __ATOMIC_ACQ_REL)
#else
#define add(word, value) (*(word) += (value))
static inline char
swap(char *flag, char value)
{
    char before = *flag;
    *flag = value;
    return before;
}
#endif
#endif

#define NOTICEABLE 10000000 /* `NOTICEABLE` of sidelight.asgi.request, in nanoseconds */

/* The clock that `time.monotonic_ns` reads, since the Python way compares with it. */
static inline int64_t
now_ns(void)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyTime_t now;
    return PyTime_MonotonicRaw(&now) < 0 ? 0 : (int64_t)now;
#else
    return (int64_t)_PyTime_GetMonotonicClock();
#endif
}

/* ---------------------------------------------------------------------- the module's state */

#define NAMES(_)                                                                                  \
    _(body) _(effective_route_context) _(fastapi) _(method) _(more_body) _(path)           \
    _(raw_path) _(received) _(root_path) _(route) _(scheme) _(send) _(sidelight) _(status)        \
    _(throw) _(close) _(trailers) _(type) _(exact) _(prefixes) _(flow) _(protocol)      \
    _(sidelight_ended) _(sidelight_descriptor) _(pop)

typedef struct {
    PyTypeObject *key_type, *clock_type, *middleware_type, *request_type, *receiving_type,
        *clocked_type, *steps_type;
#define FIELD(name) PyObject *s_##name;
    NAMES(FIELD)
#undef FIELD
} State;

static inline int
is_text(PyObject *found, const char *text, Py_ssize_t length)
{
    return PyUnicode_CheckExact(found) && PyUnicode_IS_COMPACT_ASCII(found) &&
           PyUnicode_GET_LENGTH(found) == length &&
           memcmp(PyUnicode_1BYTE_DATA(found), text, (size_t)length) == 0;
}
#define IS(found, literal) is_text((found), literal, (Py_ssize_t)sizeof(literal) - 1)

/* What a dict has under a key, as a reference of our own; NULL if nothing, perhaps with an exception. */
static inline PyObject *
get(PyObject *dict, PyObject *key)
{
#if PY_VERSION_HEX >= 0x030D0000
    PyObject *found;
    (void)PyDict_GetItemRef(dict, key, &found);
    return found;
#else
    return Py_XNewRef(PyDict_GetItemWithError(dict, key));
#endif
}

/* Whether two strings are equal, looking at the objects first. */
static inline int
same(PyObject *one, PyObject *other)
{
    if (one == other) {
        return 1;
    }
    return PyUnicode_CheckExact(one) && PyUnicode_CheckExact(other) &&
           PyUnicode_GET_LENGTH(one) == PyUnicode_GET_LENGTH(other) &&
           PyUnicode_KIND(one) == PyUnicode_KIND(other) &&
           memcmp(PyUnicode_DATA(one), PyUnicode_DATA(other),
                  (size_t)PyUnicode_GET_LENGTH(one) * PyUnicode_KIND(one)) == 0;
}

/* ------------------------------------------------------------------------------ the clock */

/* `PythonClock` of sidelight.runtime.loop_clock is its reference. Times are in nanoseconds. */
typedef struct {
    PyObject_HEAD
    PyObject *loop;         /* NULL while no loop is followed */
    PyObject *running_loop; /* () -> the loop that runs in this thread */
    Py_buffer word;         /* the idle time as an int64, or `buf` is NULL and */
    uint64_t (*idle)(void *); /* libuv's function tells it, of */
    void *handle;             /* this loop. Both are used on the running loop only. */
    int64_t looked, idle_then, stretch, until, probe;
    int64_t noticeable, attentive, probed_each;
    int64_t routed;       /* busy time that was counted for routes */
    struct step {
        int64_t start, end;
        uint32_t word; /* where the busy time of its route is counted */
    } *ring;              /* the last steps that took long; NULL until the first */
    uint32_t stepped;     /* how many since `take_steps` */
    int in_step;          /* a step is being clocked */
} Clock;

#define LONG_STEP 100000 /* ns; a shorter step alone makes no one wait noticeably */
#define MOST_STEPS 4096

static void
clock_leave(Clock *clock)
{
    Py_CLEAR(clock->loop);
    Py_CLEAR(clock->running_loop);
    if (clock->word.obj != NULL) {
        PyBuffer_Release(&clock->word);
    }
    clock->word.buf = NULL;
    clock->idle = NULL;
}

static int64_t
clock_idle(Clock *clock)
{
    return clock->word.buf != NULL ? *(int64_t *)clock->word.buf
                                   : (int64_t)clock->idle(clock->handle);
}

PyDoc_STRVAR(clock_prepare_doc,
"prepare(loop, running_loop, word, function, handle, noticeable, attentive, probed_each)\n"
"--\n\n"
"Follow a loop from now on, which is the running one; None follows none.");

static PyObject *
clock_prepare(Clock *clock, PyObject *args)
{
    PyObject *loop, *running_loop, *word;
    unsigned long long function, handle;
    long long noticeable, attentive, probed_each;
    if (!PyArg_ParseTuple(args, "OOOKKLLL:prepare", &loop, &running_loop, &word, &function, &handle,
                          &noticeable, &attentive, &probed_each)) {
        return NULL;
    }
    Py_buffer view = {0};
    if (loop != Py_None && word != Py_None && PyObject_GetBuffer(word, &view, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    if (view.obj != NULL && view.len < (Py_ssize_t)sizeof(int64_t)) {
        PyBuffer_Release(&view);
        PyErr_SetString(PyExc_ValueError, "no place for a word");
        return NULL;
    }
    Py_BEGIN_CRITICAL_SECTION(clock);
    clock_leave(clock);
    if (loop != Py_None && (view.obj != NULL || function != 0)) {
        clock->word = view;
        clock->loop = Py_NewRef(loop);
        clock->running_loop = Py_NewRef(running_loop);
        clock->idle = (uint64_t (*)(void *))(uintptr_t)function;
        clock->handle = (void *)(uintptr_t)handle;
        clock->noticeable = noticeable;
        clock->attentive = attentive;
        clock->probed_each = probed_each;
        clock->looked = now_ns();
        clock->idle_then = clock_idle(clock);
        clock->stretch = clock->until = clock->probe = 0;
    }
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

/* As `is_late`, while no other thread uses the clock. */
static int
look_at_clock(Clock *clock, int64_t now)
{
    if (clock->loop == NULL) {
        return 0;
    }
    /* A loop that runs is not closed, and its thread is this one. */
    PyObject *running = PyObject_CallNoArgs(clock->running_loop);
    Py_XDECREF(running);
    if (running != clock->loop) {
        if (running == NULL) {
            PyErr_Clear();
        }
        return 0;
    }
    int64_t idle = clock_idle(clock);
    int64_t busy = now - clock->looked - (idle - clock->idle_then);
    clock->stretch = idle == clock->idle_then ? clock->stretch + busy : busy;
    clock->looked = now;
    clock->idle_then = idle;
    if (busy >= clock->noticeable / 2) { /* a hold, which a request that comes now may have met */
        clock->until = now + clock->attentive;
    }
    if (now < clock->until) {
        return 1;
    }
    /* Short steps without a pause: waits grow slowly, so that one request in a while tells. */
    if (clock->stretch >= clock->noticeable && now >= clock->probe) {
        clock->probe = now + clock->probed_each;
        return 1;
    }
    return 0;
}

/* A request has waited: so may those that come after it. */
static void
attend(Clock *clock, int64_t now)
{
    Py_BEGIN_CRITICAL_SECTION(clock);
    clock->until = now + clock->attentive;
    Py_END_CRITICAL_SECTION();
}

/* Whether a request that begins now may have waited noticeably for its loop. */
static int
is_late(Clock *clock, int64_t now)
{
    int late;
    Py_BEGIN_CRITICAL_SECTION(clock);
    late = look_at_clock(clock, now);
    Py_END_CRITICAL_SECTION();
    return late;
}

/* Note a long step, and what it is counted for. */
static void
note_step(Clock *clock, int64_t start, int64_t end, uint32_t word)
{
    Py_BEGIN_CRITICAL_SECTION(clock);
    if (clock->ring == NULL) {
        clock->ring = PyMem_Malloc(MOST_STEPS * sizeof(struct step));
    }
    if (clock->ring != NULL) {
        clock->ring[clock->stepped++ % MOST_STEPS] = (struct step){start, end, word};
    }
    Py_END_CRITICAL_SECTION();
}

PyDoc_STRVAR(take_steps_doc, "take_steps()\n--\n\n"
"Long steps since the last call, the oldest first: (start, end, word), where the times are ns.");

static PyObject *
clock_take_steps(Clock *clock, PyObject *Py_UNUSED(none))
{
    struct step *ring;
    uint32_t end;
    Py_BEGIN_CRITICAL_SECTION(clock);
    ring = clock->ring;
    end = clock->stepped;
    clock->ring = NULL;
    clock->stepped = 0;
    Py_END_CRITICAL_SECTION();
    uint32_t many = end < MOST_STEPS ? end : MOST_STEPS;
    PyObject *found = PyList_New(many);
    for (uint32_t at = 0; found != NULL && at < many; at++) {
        struct step *step = &ring[(end - many + at) % MOST_STEPS];
        PyObject *one = Py_BuildValue("LLI", (long long)step->start, (long long)step->end,
                                      (unsigned int)step->word);
        if (one == NULL) {
            Py_CLEAR(found);
            break;
        }
        PyList_SET_ITEM(found, at, one);
    }
    PyMem_Free(ring);
    return found;
}

static PyObject *
clock_is_late(Clock *clock, PyObject *now)
{
    long long at = PyLong_AsLongLong(now);
    if (at == -1 && PyErr_Occurred()) {
        return NULL;
    }
    return PyBool_FromLong(is_late(clock, at));
}

static int
clock_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Clock *)self)->loop);
    Py_VISIT(((Clock *)self)->running_loop);
    return 0;
}

static int
clock_clear(PyObject *self)
{
    clock_leave((Clock *)self);
    return 0;
}

static void
clock_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clock_leave((Clock *)self);
    PyMem_Free(((Clock *)self)->ring);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef clock_methods[] = {
    {"prepare", (PyCFunction)clock_prepare, METH_VARARGS, clock_prepare_doc},
    {"is_late", (PyCFunction)clock_is_late, METH_O,
     "is_late(now)\n--\n\nWhether a request that begins now may have waited noticeably."},
    {"take_steps", (PyCFunction)clock_take_steps, METH_NOARGS, take_steps_doc},
    {NULL},
};

static PyMemberDef clock_members[] = {
    {"in_step", T_INT, offsetof(Clock, in_step), READONLY, "Whether a step is being clocked."},
    {"routed", T_LONGLONG, offsetof(Clock, routed), READONLY,
     "Busy time that was counted for routes, in ns."},
    {NULL},
};

static PyType_Slot clock_slots[] = {
    {Py_tp_doc, "The part of a loop's clock that every common request reads."},
    {Py_tp_dealloc, clock_dealloc},
    {Py_tp_traverse, clock_traverse},
    {Py_tp_clear, clock_clear},
    {Py_tp_methods, clock_methods},
    {Py_tp_members, clock_members},
    {0, NULL},
};

static PyType_Spec clock_spec = {
    .name = "sidelight._fastpath.Clock",
    .basicsize = sizeof(Clock),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = clock_slots,
};

/* ------------------------------------------------------------------------------- the key */

/* Where whole responses of a route with one status are counted. The numbers are indexes of words of
   the file; `request_size` is 0 until a request body was seen. With BUSY as its status, `duration`
   is the counter of the busy time of its route. */
typedef struct {
    PyObject *route; /* compared by identity; NULL in a free place */
    PyObject *root_path;
    int64_t limit; /* ns: a longer response is uncommon */
    int32_t status;
    uint32_t duration, size, request_size;
} Series;

#define BUSY 0

typedef struct {
    PyObject_HEAD
    PyObject *method, *scheme, *root_path, *metrics_path; /* str */
    PyObject *exclusions;                                 /* None, or an `Exclusions` */
    PyObject *slots;                                      /* the file's list of free slots */
    PyObject *clock;                                      /* the loop's `Clock` */
    PyObject *words;                                      /* the file as a memoryview */
    Py_buffer view;                                       /* of `words`, while it is not NULL */
    uint64_t packed;                                      /* method and scheme as one word */
    int64_t due, unsampled;
    Series *series; /* open addressing; `mask` + 1 places, a power of two */
    uint32_t mask, used;
    PyObject *bounds, *sizes; /* bytes of int64: upper bounds of ns, and of bytes */
    uint32_t slot_words;
    PyObject *weakrefs;
} Key;

static inline size_t
place_of(const void *route)
{
    uintptr_t bits = (uintptr_t)route >> 4;
    return (size_t)(bits ^ (bits >> 9));
}

static Series *
find(Key *key, PyObject *route, PyObject *root_path, int status)
{
    if (key->series == NULL) {
        return NULL;
    }
    for (size_t at = place_of(route);; at++) {
        Series *found = &key->series[at & key->mask];
        if (found->route == NULL) {
            return NULL;
        }
        if (found->route == route && found->status == status && same(found->root_path, root_path)) {
            return found;
        }
    }
}

static void
forget_series(Key *key)
{
    Series *series = key->series;
    uint32_t places = series == NULL ? 0 : key->mask + 1;
    key->series = NULL;
    key->mask = key->used = 0;
    for (uint32_t at = 0; at < places; at++) {
        Py_XDECREF(series[at].route);
        Py_XDECREF(series[at].root_path);
    }
    PyMem_Free(series);
}

/* Make room for one more, so that at least half of the places are free. */
static int
grow(Key *key)
{
    uint32_t places = key->series == NULL ? 0 : key->mask + 1;
    if (places > key->used * 2 + 1) {
        return 0;
    }
    uint32_t wanted = places == 0 ? 16 : places * 2;
    Series *series = PyMem_Calloc(wanted, sizeof(Series));
    if (series == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (uint32_t from = 0; from < places; from++) {
        if (key->series[from].route != NULL) {
            size_t to = place_of(key->series[from].route);
            while (series[to & (wanted - 1)].route != NULL) {
                to++;
            }
            series[to & (wanted - 1)] = key->series[from];
        }
    }
    PyMem_Free(key->series);
    key->series = series;
    key->mask = wanted - 1;
    return 0;
}

/* A number that an object has as an attribute; -1 with an exception, also with one from before. */
static int64_t
number_of(PyObject *object, const char *name)
{
    if (PyErr_Occurred()) {
        return -1;
    }
    PyObject *found = PyObject_GetAttrString(object, name);
    int64_t number = found == NULL ? -1 : (int64_t)PyLong_AsLongLong(found);
    Py_XDECREF(found);
    return number;
}

/* Whether all words of a series lie in the file: its sum and its buckets. */
static int
is_inside(Key *key, int64_t index, PyObject *bounds, const char *name)
{
    int64_t words = key->view.len / (Py_ssize_t)sizeof(uint64_t);
    int64_t values = PyBytes_GET_SIZE(bounds) / (Py_ssize_t)sizeof(int64_t) + 2;
    if (index < 0 || index > words - values) {
        PyErr_Format(PyExc_ValueError, "%s is outside of the file", name);
        return 0;
    }
    return 1;
}

/* Keep a series of a route, in place of the one it had. */
static PyObject *
keep(Key *key, Series new, PyObject *route, PyObject *root_path)
{
    Series *found;
    Py_BEGIN_CRITICAL_SECTION(key);
    found = find(key, route, root_path, new.status);
    if (found != NULL) {
        new.route = found->route;
        new.root_path = found->root_path;
    }
    else if (grow(key) == 0) {
        size_t at = place_of(route);
        while (key->series[at & key->mask].route != NULL) {
            at++;
        }
        found = &key->series[at & key->mask];
        new.route = Py_NewRef(route);
        new.root_path = Py_NewRef(root_path);
        key->used++;
    }
    if (found != NULL) {
        *found = new;
    }
    Py_END_CRITICAL_SECTION();
    if (found == NULL) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(remember_doc, "remember(root_path, route, series)\n--\n\n"
"Count whole responses of a route with a status natively from now on.\n\n"
"``series`` is a `StatusSeries`. Raises ValueError for one outside of the file.");

static PyObject *
key_remember(Key *key, PyObject *args)
{
    PyObject *root_path, *route, *status_series;
    Series new = {0};
    if (!PyArg_ParseTuple(args, "UOO:remember", &root_path, &route, &status_series)) {
        return NULL;
    }
    new.status = (int32_t)number_of(status_series, "status");
    new.limit = number_of(status_series, "limit");
    int64_t duration = number_of(status_series, "duration");
    int64_t size = number_of(status_series, "size");
    int64_t request_size = number_of(status_series, "request_size");
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (key->bounds == NULL) {
        PyErr_SetString(PyExc_ValueError, "prepare() was not called");
        return NULL;
    }
    /* No Python code runs from here on, which could give the key another file. */
    if (!is_inside(key, duration, key->bounds, "duration") ||
        !is_inside(key, size, key->sizes, "size") ||
        !is_inside(key, request_size, key->sizes, "request_size")) {
        return NULL;
    }
    new.duration = (uint32_t)duration;
    new.size = (uint32_t)size;
    new.request_size = (uint32_t)request_size;
    return keep(key, new, route, root_path);
}

PyDoc_STRVAR(remember_busy_doc, "remember_busy(root_path, route, word)\n--\n\n"
"Count the busy time of a route natively from now on, at a word of the file.");

static PyObject *
key_remember_busy(Key *key, PyObject *args)
{
    PyObject *root_path, *route;
    Series new = {.status = BUSY};
    if (!PyArg_ParseTuple(args, "UOI:remember_busy", &root_path, &route, &new.duration)) {
        return NULL;
    }
    if (new.duration >= (size_t)key->view.len / sizeof(uint64_t)) {
        PyErr_SetString(PyExc_ValueError, "word is outside of the file");
        return NULL;
    }
    return keep(key, new, route, root_path);
}

PyDoc_STRVAR(forget_doc, "forget_series()\n--\n\nForget all that was remembered.");

static PyObject *
key_forget_series(Key *key, PyObject *Py_UNUSED(none))
{
    Py_BEGIN_CRITICAL_SECTION(key);
    forget_series(key);
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static PyObject *
key_get_words(Key *key, void *Py_UNUSED(closure))
{
    return Py_NewRef(key->words == NULL ? Py_None : key->words);
}

static int
key_set_words(Key *key, PyObject *words, void *Py_UNUSED(closure))
{
    Py_buffer view = {0}, former;
    if (words == NULL || PyObject_GetBuffer(words, &view, PyBUF_WRITABLE) < 0) {
        if (words == NULL) {
            PyErr_SetString(PyExc_AttributeError, "words");
        }
        return -1;
    }
    PyObject *before;
    Py_BEGIN_CRITICAL_SECTION(key);
    before = key->words;
    former = key->view;
    key->words = Py_NewRef(words);
    key->view = view;
    if (view.len < former.len) {
        forget_series(key);
    }
    Py_END_CRITICAL_SECTION();
    if (before != NULL) {
        PyBuffer_Release(&former);
        Py_DECREF(before);
    }
    return 0;
}

PyDoc_STRVAR(key_prepare_doc, "prepare(bounds, sizes, slot_words)\n--\n\n"
"Set the upper bounds of nanoseconds and of bytes, as int64, and the words of a slot.");

static PyObject *
key_prepare(Key *key, PyObject *args)
{
    PyObject *bounds, *sizes;
    unsigned int slot_words;
    if (!PyArg_ParseTuple(args, "SSI:prepare", &bounds, &sizes, &slot_words)) {
        return NULL;
    }
    if (slot_words < 3 || PyBytes_GET_SIZE(bounds) < (Py_ssize_t)sizeof(int64_t)) {
        PyErr_SetString(PyExc_ValueError, "no boundary, or no place for a path in a slot");
        return NULL;
    }
    Py_BEGIN_CRITICAL_SECTION(key);
    forget_series(key); /* they were judged by the former boundaries */
    Py_XSETREF(key->bounds, Py_NewRef(bounds));
    Py_XSETREF(key->sizes, Py_NewRef(sizes));
    key->slot_words = slot_words;
    Py_END_CRITICAL_SECTION();
    Py_RETURN_NONE;
}

static int
key_traverse(PyObject *self, visitproc visit, void *arg)
{
    Key *key = (Key *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(key->exclusions);
    Py_VISIT(key->clock);
    Py_VISIT(key->slots);
    Py_VISIT(key->words);
    for (uint32_t at = 0; key->series != NULL && at <= key->mask; at++) {
        Py_VISIT(key->series[at].route);
    }
    return 0;
}

/* Its words and slots stay: a request of the same garbage frees its slot after this. */
static int
key_clear(PyObject *self)
{
    Key *key = (Key *)self;
    Py_CLEAR(key->exclusions);
    Py_CLEAR(key->clock);
    forget_series(key);
    return 0;
}

static void
key_dealloc(PyObject *self)
{
    Key *key = (Key *)self;
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    if (key->weakrefs != NULL) {
        PyObject_ClearWeakRefs(self);
    }
    key_clear(self);
    if (key->words != NULL) {
        PyBuffer_Release(&key->view);
        Py_CLEAR(key->words);
    }
    Py_CLEAR(key->method);
    Py_CLEAR(key->scheme);
    Py_CLEAR(key->root_path);
    Py_CLEAR(key->metrics_path);
    Py_CLEAR(key->slots);
    Py_CLEAR(key->bounds);
    Py_CLEAR(key->sizes);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef key_methods[] = {
    {"prepare", (PyCFunction)key_prepare, METH_VARARGS, key_prepare_doc},
    {"remember", (PyCFunction)key_remember, METH_VARARGS, remember_doc},
    {"remember_busy", (PyCFunction)key_remember_busy, METH_VARARGS, remember_busy_doc},
    {"forget_series", (PyCFunction)key_forget_series, METH_NOARGS, forget_doc},
    {NULL},
};

static PyMemberDef key_members[] = {
    {"method", T_OBJECT_EX, offsetof(Key, method), 0},
    {"scheme", T_OBJECT_EX, offsetof(Key, scheme), 0},
    {"root_path", T_OBJECT_EX, offsetof(Key, root_path), 0},
    {"metrics_path", T_OBJECT_EX, offsetof(Key, metrics_path), 0},
    {"exclusions", T_OBJECT, offsetof(Key, exclusions), 0},
    {"slots", T_OBJECT_EX, offsetof(Key, slots), 0},
    {"clock", T_OBJECT, offsetof(Key, clock), 0},
    {"packed", T_ULONGLONG, offsetof(Key, packed), 0},
    {"due", T_LONGLONG, offsetof(Key, due), 0},
    {"unsampled", T_LONGLONG, offsetof(Key, unsampled), 0},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Key, weakrefs), READONLY},
    {NULL},
};

static PyGetSetDef key_getset[] = {
    {"words", (getter)key_get_words, (setter)key_set_words, NULL, NULL},
    {NULL},
};

static PyType_Slot key_slots[] = {
    {Py_tp_doc, "Requests with one method, scheme and root_path, and the series they count in."},
    {Py_tp_dealloc, key_dealloc},
    {Py_tp_traverse, key_traverse},
    {Py_tp_clear, key_clear},
    {Py_tp_methods, key_methods},
    {Py_tp_members, key_members},
    {Py_tp_getset, key_getset},
    {0, NULL},
};

static PyType_Spec key_spec = {
    .name = "sidelight._fastpath.Key",
    .basicsize = sizeof(Key),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = key_slots,
};

/* Which of `count` ascending upper bounds is the first that a value does not exceed. */
static inline size_t
bucket(const int64_t *bounds, size_t count, int64_t value)
{
    size_t low = 0;
    while (low < count && low < 4) { /* most are small */
        if (value <= bounds[low]) {
            return low;
        }
        low++;
    }
    while (low < count) {
        size_t middle = (low + count) / 2;
        if (bounds[middle] < value) {
            low = middle + 1;
        }
        else {
            count = middle;
        }
    }
    return low;
}

static inline void
observe(uint64_t *words, uint32_t series, PyObject *bounds, int64_t value)
{
    const int64_t *table = (const int64_t *)PyBytes_AS_STRING(bounds);
    size_t index = bucket(table, (size_t)PyBytes_GET_SIZE(bounds) / sizeof(int64_t), value);
    add(&words[series], (uint64_t)value);
    add(&words[series + 1 + index], 1);
}

/* ---------------------------------------------------------------------------- the request */

typedef struct {
    PyObject_HEAD
    PyObject *keys;       /* dict of method to Key: those of common requests */
    PyObject *app;        /* what is measured */
    PyObject *python_way; /* (scope, receive, send, arrived=0) -> coroutine: the reference */
    PyObject *promote;    /* what is known of a request -> RequestState */
    PyObject *conclude;   /* (RequestState, error or None): the application returned or raised */
    PyObject *failed;     /* (key or None, place, exception): a fault of our own */
    PyObject *awaited;    /* awaitable -> coroutine that awaits it */
    PyObject *client_left; /* the server's receive -> whether the client has left */
    PyObject *arrival;    /* (the server's receive, now) -> when its request arrived, or None */
    PyObject *silent;     /* a type whose `receive` shows no connection, or NULL */
    PyObject *origin;     /* ContextVar of (key, path) */
    State *state;
} Middleware;

enum phase { NEW, NATIVE, PYTHON, OVER };

typedef struct {
    PyObject_HEAD
    vectorcallfunc call;
    Middleware *middleware;
    PyObject *scope, *receive, *send; /* the server's */
    Key *key;                         /* NULL unless the request is NATIVE */
    PyObject *slot;                   /* int; NULL once the request is recorded or promoted */
    PyObject *start;                  /* the message http.response.start, or NULL */
    PyObject *promoted;               /* its RequestState, from the first uncommon thing on */
    PyObject *steps;                  /* what is awaited; NULL before the first and after the end */
    int64_t since;
    int64_t body; /* bytes of the request's body so far */
    int32_t status;
    uint32_t word; /* the slot's index */
    enum phase phase;
    char running; /* a step is being done */
    int64_t arrived; /* when, if it waited for its loop; else 0 */
} Request;

/* The exception that is set, which is not set any more. */
static PyObject *
raised(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL && value != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    Py_XDECREF(type);
    Py_XDECREF(traceback);
    return value;
#endif
}

static void
raise_again(PyObject *error)
{
#if PY_VERSION_HEX >= 0x030C0000
    PyErr_SetRaisedException(error);
#else
    PyErr_Restore(Py_NewRef((PyObject *)Py_TYPE(error)), error, PyException_GetTraceback(error));
#endif
}

/* Note the exception that is set as a fault of our own; it is not set any more. */
COLD static void
note(Middleware *middleware, Key *key, const char *place)
{
    PyObject *error = raised();
    PyObject *of = key == NULL ? Py_None : (PyObject *)key;
    PyObject *done =
        PyObject_CallFunction(middleware->failed, "OsO", of, place, error == NULL ? Py_None : error);
    if (done == NULL) {
        PyErr_Clear();
    }
    Py_XDECREF(done);
    Py_XDECREF(error);
}

/* Whether a slot at a word lies in the file that a key has now, which may be another by then. */
static inline int
has_slot(const Key *key, size_t word)
{
    size_t words = (size_t)key->view.len / sizeof(uint64_t);
    return key->slot_words <= words && word <= words - key->slot_words;
}

/* Free the slot of a request, which is no longer in flight. */
static inline void
release_slot(Request *request)
{
    Key *key = request->key;
    PyObject *slot = request->slot;
    request->slot = NULL;
    Py_BEGIN_CRITICAL_SECTION(key);
    if (has_slot(key, request->word)) {
        publish((uint64_t *)key->view.buf + request->word, 0);
    }
    Py_END_CRITICAL_SECTION();
    if (PyList_Append(key->slots, slot) < 0) {
        PyErr_Clear(); /* no memory for it: one slot fewer */
    }
    Py_DECREF(slot);
}

/* Give a request to the Python way, with all that is known of it. Its RequestState is then in
   `promoted`. Where that fails it is not measured any further. */
COLD static int
promote(Request *request)
{
    if (request->promoted != NULL) {
        return 0;
    }
    Middleware *middleware = request->middleware;
    request->promoted = PyObject_CallFunction(
        middleware->promote, "OOOOOLiOL", (PyObject *)request->key, request->scope,
        request->receive, request->send, request->slot == NULL ? Py_None : request->slot,
        (long long)request->since, (int)request->status,
        request->start == NULL ? Py_None : request->start, (long long)request->body);
    if (request->promoted == NULL) {
        note(middleware, request->key, "send");
        if (request->slot != NULL) {
            release_slot(request);
        }
        request->phase = PYTHON;
        return -1;
    }
    Py_CLEAR(request->slot);
    return 0;
}

/* The object that the router chose, as `chosen_route` says, as a reference of our own; or NULL. */
static inline PyObject *
chosen(State *state, PyObject *scope)
{
    PyObject *fastapi = get(scope, state->s_fastapi), *context = NULL;
    if (fastapi != NULL && PyDict_Check(fastapi)) {
        context = get(fastapi, state->s_effective_route_context);
    }
    Py_XDECREF(fastapi);
    return context != NULL ? context : get(scope, state->s_route);
}

/* Whether the server says that the client of a late response has left, or fails to say. */
COLD static int
client_left(Request *request)
{
    PyObject *left = PyObject_CallOneArg(request->middleware->client_left, request->receive);
    int known = left == NULL ? 1 : PyObject_IsTrue(left) != 0;
    Py_XDECREF(left);
    PyErr_Clear(); /* the Python way asks again */
    return known;
}

/* The object of a connection that uvicorn and gunicorn have, which outlives its requests, as
   `client_connection` says; NULL where there is none, without an exception. */
static PyObject *
connection_of(State *state, PyObject *receive)
{
    PyObject *connection = NULL;
    if (PyMethod_Check(receive)) {
        PyObject *owner = PyMethod_GET_SELF(receive);
        if (PyObject_GetOptionalAttr(owner, state->s_flow, &connection) == 0) {
            PyObject_GetOptionalAttr(owner, state->s_protocol, &connection);
        }
        PyErr_Clear();
    }
    return connection;
}

/* Note when the last response of a connection ended: what its client sent before is no request
   that waits. */
static void
note_end(State *state, PyObject *receive, int64_t now)
{
    PyObject *connection = connection_of(state, receive);
    PyObject *ended = connection == NULL ? NULL : PyLong_FromLongLong(now);
    if (ended != NULL) {
        PyObject_SetAttr(connection, state->s_sidelight_ended, ended);
    }
    Py_XDECREF(ended);
    Py_XDECREF(connection);
    PyErr_Clear();
}

/* When the last response of a connection ended; 0 before its first one. */
static int64_t
ended(State *state, PyObject *connection)
{
    PyObject *found = NULL;
    int64_t at = 0;
    if (PyObject_GetOptionalAttr(connection, state->s_sidelight_ended, &found) > 0) {
        at = PyLong_Check(found) ? (int64_t)PyLong_AsLongLong(found) : 0;
        Py_DECREF(found);
    }
    PyErr_Clear();
    return at;
}

/* How long ago the last data arrived on a connection, in ns; 0 where the system does not tell, and
   -1 where the Python way has not found its socket yet. */
static int64_t
since_data(State *state, PyObject *connection)
{
    PyObject *found = NULL;
    int64_t ago = -1;
    if (PyObject_GetOptionalAttr(connection, state->s_sidelight_descriptor, &found) > 0) {
        int descriptor = PyLong_Check(found) ? (int)PyLong_AsLong(found) : -1;
        ago = 0;
#ifdef __linux__
        struct tcp_info info;
        socklen_t size = sizeof(info);
        if (descriptor >= 0 && getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
            size >= offsetof(struct tcp_info, tcpi_last_data_recv) + sizeof(uint32_t)) {
            ago = (int64_t)info.tcpi_last_data_recv * 1000000;
        }
#else
        (void)descriptor;
#endif
        Py_DECREF(found);
    }
    PyErr_Clear();
    return ago;
}

/* Count a whole response, if nothing about it is uncommon. */
static int
count(Request *request, int64_t size)
{
    State *state = request->middleware->state;
    Key *key = request->key;
    int64_t now = now_ns(), ns = now - request->since;
    if (ns > *(const int64_t *)PyBytes_AS_STRING(key->bounds) && client_left(request)) {
        return 0;
    }
    PyObject *route = chosen(state, request->scope);
    PyObject *root_path = get(request->scope, state->s_root_path);
    int counted = 0;
    Py_BEGIN_CRITICAL_SECTION(key);
    Series *series = NULL;
    if (route != NULL && root_path != NULL) {
        series = find(key, route, root_path, request->status);
    }
    if (series != NULL && ns <= series->limit && (!request->body || series->request_size)) {
        uint64_t *words = key->view.buf;
        observe(words, series->duration, key->bounds, ns);
        observe(words, series->size, key->sizes, size);
        if (request->body) {
            observe(words, series->request_size, key->sizes, request->body);
        }
        counted = 1;
    }
    Py_END_CRITICAL_SECTION();
    Py_XDECREF(route);
    Py_XDECREF(root_path);
    if (counted) {
        release_slot(request);
        note_end(state, request->receive, now);
        request->since = now;
    }
    return counted;
}

/* Look at the beginning of a response; false if it is uncommon. */
static int
look_at_start(Request *request, PyObject *message)
{
    State *state = request->middleware->state;
    if (request->slot == NULL || PyDict_Contains(message, state->s_trailers) != 0) {
        return 0;
    }
    PyObject *status = get(message, state->s_status);
    int overflow = 1;
    long code = status != NULL && PyLong_Check(status) ? PyLong_AsLongAndOverflow(status, &overflow) : 0;
    Py_XDECREF(status);
    if (overflow || code <= 0 || code > INT32_MAX) {
        return 0;
    }
    request->status = (int32_t)code;
    Py_XSETREF(request->start, Py_NewRef(message));
    return 1;
}

/* Look at a response's body; false if it is uncommon. */
static int
look_at_body(Request *request, PyObject *message)
{
    State *state = request->middleware->state;
    if (request->slot == NULL || request->status == 0 ||
        PyDict_Contains(message, state->s_more_body) != 0) {
        return 0;
    }
    PyObject *body = get(message, state->s_body);
    Py_ssize_t size = body == NULL ? 0 : PyBytes_CheckExact(body) ? PyBytes_GET_SIZE(body) : -1;
    Py_XDECREF(body);
    return size >= 0 && count(request, size);
}

/* Look at a message on its way to the server; false if it is uncommon. */
static int
look(Request *request, PyObject *message)
{
    PyObject *kind = NULL;
    int common = 0;
    if (PyDict_CheckExact(message)) {
        kind = get(message, request->middleware->state->s_type);
    }
    if (kind != NULL && IS(kind, "http.response.start")) {
        common = look_at_start(request, message);
    }
    else if (kind != NULL && IS(kind, "http.response.body")) {
        common = look_at_body(request, message);
    }
    Py_XDECREF(kind);
    return common;
}

static PyObject *
request_send(Request *request, PyObject *message)
{
    if (request->phase == NATIVE && !look(request, message)) {
        if (PyErr_Occurred()) {
            note(request->middleware, request->key, "send");
        }
        if (promote(request) == 0) {
            return PyObject_CallMethodOneArg(request->promoted, request->middleware->state->s_send,
                                             message);
        }
    }
    return PyObject_CallOneArg(request->send, message);
}

/* Whether a message is a part of the request's body, or all of it; its size is added then. */
static int
is_body(Request *request, PyObject *message)
{
    State *state = request->middleware->state;
    PyObject *kind = PyDict_CheckExact(message) ? get(message, state->s_type) : NULL;
    int found = kind != NULL && IS(kind, "http.request");
    Py_XDECREF(kind);
    PyObject *body = found ? get(message, state->s_body) : NULL;
    if (body != NULL) {
        found = PyBytes_CheckExact(body);
        request->body += found ? PyBytes_GET_SIZE(body) : 0;
        Py_DECREF(body);
    }
    return found;
}

/* Look at a message on its way to the application. */
static void
received(Request *request, PyObject *message)
{
    State *state = request->middleware->state;
    if (request->phase != NATIVE) {
        return;
    }
    if (request->promoted == NULL && is_body(request, message)) {
        return;
    }
    if (promote(request) == 0) {
        PyObject *done = PyObject_CallMethodOneArg(request->promoted, state->s_received, message);
        if (done == NULL) {
            note(request->middleware, request->key, "receive");
        }
        Py_XDECREF(done);
    }
}

/* The application has returned, or raised an error. Never raises. */
static void
conclude(Request *request, PyObject *error)
{
    enum phase phase = request->phase;
    Py_CLEAR(request->steps);
    if (phase != NATIVE) {
        request->phase = OVER;
        return;
    }
    if (error != NULL && PyDict_CheckExact(request->scope)) {
        PyObject *mark = request->middleware->state->s_sidelight;
        if (PyDict_DelItem(request->scope, mark) < 0) {
            PyErr_Clear();
        }
    }
    if (request->promoted != NULL || error != NULL || request->slot != NULL ||
        now_ns() - request->since >= NOTICEABLE) {
        if (promote(request) == 0) {
            PyObject *done =
                PyObject_CallFunctionObjArgs(request->middleware->conclude, request->promoted,
                                             error == NULL ? Py_None : error, NULL);
            if (done == NULL) {
                note(request->middleware, request->key, "end");
            }
            Py_XDECREF(done);
        }
    }
    request->phase = OVER;
}

COLD static void
conclude_with_error(Request *request)
{
    PyObject *error = raised();
    conclude(request, error);
    raise_again(error);
}

/* Whether a path is not measured: 1 or 0, or -1 with an exception. */
static int
is_excluded(State *state, PyObject *exclusions, PyObject *path)
{
    PyObject *exact = PyObject_GetAttr(exclusions, state->s_exact);
    if (exact == NULL) {
        return -1;
    }
    int found = PySet_Contains(exact, path);
    Py_DECREF(exact);
    if (found != 0) {
        return found;
    }
    PyObject *prefixes = PyObject_GetAttr(exclusions, state->s_prefixes);
    if (prefixes == NULL || !PyTuple_Check(prefixes)) {
        Py_XDECREF(prefixes);
        return -1;
    }
    for (Py_ssize_t at = 0; found == 0 && at < PyTuple_GET_SIZE(prefixes); at++) {
        Py_ssize_t length = PyUnicode_GetLength(path);
        found = (int)PyUnicode_Tailmatch(path, PyTuple_GET_ITEM(prefixes, at), 0, length, -1);
    }
    Py_DECREF(prefixes);
    return found;
}

/* Whether a key is the one of a request that is common, by what its scope says. */
static int
is_common(State *state, Key *key, PyObject *scope, PyObject *path)
{
    PyObject *root_path = get(scope, state->s_root_path), *scheme = get(scope, state->s_scheme);
    int common = PyObject_TypeCheck(key, state->key_type) && key->words != NULL &&
                 key->bounds != NULL && key->slots != NULL && PyList_CheckExact(key->slots) &&
                 root_path != NULL && same(root_path, key->root_path) &&
                 scheme != NULL && same(scheme, key->scheme) &&
                 !same(path, key->metrics_path) && key->unsampled > 1 &&
                 PyDict_Contains(scope, state->s_sidelight) == 0;
    Py_XDECREF(root_path);
    Py_XDECREF(scheme);
    return common && (key->exclusions == NULL || key->exclusions == Py_None ||
                      is_excluded(state, key->exclusions, path) == 0);
}

/* The key of a common request, a reference of its own; NULL if it is uncommon, perhaps with an
   exception. */
static Key *
common_key(Middleware *middleware, PyObject *scope)
{
    State *state = middleware->state;
    PyObject *method = NULL, *path = NULL, *key = NULL;
    if (PyDict_CheckExact(scope) && (method = get(scope, state->s_method)) != NULL &&
        (path = get(scope, state->s_path)) != NULL && PyUnicode_CheckExact(method) &&
        PyUnicode_CheckExact(path)) {
        key = get(middleware->keys, method);
    }
    if (key != NULL && !is_common(state, (Key *)key, scope, path)) {
        Py_CLEAR(key);
    }
    Py_XDECREF(method);
    Py_XDECREF(path);
    return (Key *)key;
}

/* Take a slot from a list of free ones, as a reference of our own; NULL if none is free, perhaps
   with an exception. */
static inline PyObject *
take_slot(PyObject *slots, PyObject *pop)
{
#ifdef Py_GIL_DISABLED
    PyObject *slot = PyObject_CallMethodNoArgs(slots, pop); /* other threads take slots meanwhile */
    if (slot == NULL && PyErr_ExceptionMatches(PyExc_IndexError)) {
        PyErr_Clear();
    }
    return slot;
#else
    (void)pop;
    Py_ssize_t free = PyList_GET_SIZE(slots);
    PyObject *slot = free == 0 ? NULL : Py_NewRef(PyList_GET_ITEM(slots, free - 1));
    if (slot != NULL && PyList_SetSlice(slots, free - 1, free, NULL) < 0) {
        Py_CLEAR(slot);
    }
    return slot;
#endif
}

/* Show a request among those in flight; false if no slot is free. */
static int
acquire_slot(Request *request, Key *key, PyObject *raw_path)
{
    PyObject *slot = take_slot(key->slots, request->middleware->state->s_pop);
    if (slot == NULL) {
        return 0;
    }
    unsigned long word = PyLong_AsUnsignedLong(slot);
    size_t bytes = (size_t)(key->slot_words - 2) * sizeof(uint64_t);
    if (PyErr_Occurred() || !has_slot(key, word)) { /* not ours */
        Py_DECREF(slot);
        return 0;
    }
    uint64_t *words = (uint64_t *)key->view.buf + word;
    size_t length = (size_t)PyBytes_GET_SIZE(raw_path);
    memcpy(words + 2, PyBytes_AS_STRING(raw_path), length < bytes ? length : bytes);
    if (length < bytes) {
        ((char *)(words + 2))[length] = '\0';
    }
    words[1] = key->packed;
    publish(words, (uint64_t)request->since);
    request->slot = slot;
    request->word = (uint32_t)word;
    return 1;
}

/* Mark the scope, so that nothing is measured twice, and the context, so that it is known which
   request started a task. */
static int
mark(Request *request, Key *key)
{
    Middleware *middleware = request->middleware;
    State *state = middleware->state;
    PyObject *since = PyLong_FromLongLong(request->since);
    if (since == NULL) {
        return -1;
    }
    PyObject *found = PyTuple_Pack(3, (PyObject *)key, request->slot, since);
    Py_DECREF(since);
    if (found == NULL) {
        return -1;
    }
    int failed = PyDict_SetItem(request->scope, state->s_sidelight, found);
    Py_DECREF(found);
    PyObject *path = failed ? NULL : get(request->scope, state->s_path);
    if (path == NULL) {
        return -1;
    }
    PyObject *origin = PyTuple_Pack(2, (PyObject *)key, path);
    Py_DECREF(path);
    if (origin == NULL) {
        return -1;
    }
    PyObject *token = PyContextVar_Set(middleware->origin, origin);
    Py_DECREF(origin);
    Py_XDECREF(token);
    return token == NULL ? -1 : 0;
}

/* How long ago a request arrived, as the Python way finds out, in ns; -1 where the server does not
   tell. */
COLD static int64_t
since_arrival(Request *request)
{
    PyObject *now = PyLong_FromLongLong(request->since);
    PyObject *found = now == NULL ? NULL
                                  : PyObject_CallFunctionObjArgs(request->middleware->arrival,
                                                                 request->receive, now, NULL);
    int64_t ago = found == NULL || !PyLong_Check(found)
                      ? -1
                      : request->since - (int64_t)PyLong_AsLongLong(found);
    Py_XDECREF(now);
    Py_XDECREF(found);
    PyErr_Clear();
    return ago;
}

/* Whether a request arrived noticeably earlier than it begins, by what its server says. */
static int
arrived_earlier(Request *request, Key *key)
{
    Middleware *middleware = request->middleware;
    PyObject *receive = request->receive;
    PyObject *connection = connection_of(middleware->state, receive);
    int64_t ago = -1;
    if (connection != NULL) {
        ago = since_data(middleware->state, connection);
        if (ago < 0) { /* its first request */
            ago = since_arrival(request);
        }
        else if (ago >= ((Clock *)key->clock)->noticeable) { /* sent behind another request? */
            int64_t answered = request->since - ended(middleware->state, connection);
            ago = answered < ago ? answered : ago;
        }
        Py_DECREF(connection);
    }
    else {
        PyObject *type = PyMethod_Check(receive) ? (PyObject *)Py_TYPE(PyMethod_GET_SELF(receive))
                                                 : (PyObject *)Py_TYPE(receive);
        if (type == middleware->silent) {
            return 0;
        }
        ago = since_arrival(request);
        if (ago < 0 && !PyFunction_Check(receive)) { /* a function may wrap a server's own */
            Py_BEGIN_CRITICAL_SECTION(middleware);
            Py_XSETREF(middleware->silent, Py_NewRef(type));
            Py_END_CRITICAL_SECTION();
        }
    }
    if (ago < ((Clock *)key->clock)->noticeable) {
        return 0;
    }
    attend((Clock *)key->clock, request->since);
    request->arrived = request->since - ago;
    return 1;
}

/* Whether a request has waited for its loop. */
static inline int
has_waited(Request *request, Key *key)
{
    return key->clock != NULL &&
           PyObject_TypeCheck(key->clock, request->middleware->state->clock_type) &&
           is_late((Clock *)key->clock, request->since) && arrived_earlier(request, key);
}

/* Begin a common request; false if it is uncommon, and nothing has been changed then. */
static int
begin(Request *request)
{
    Middleware *middleware = request->middleware;
    State *state = middleware->state;
    Key *key = common_key(middleware, request->scope);
    if (key == NULL) {
        return 0;
    }
    PyObject *raw_path = get(request->scope, state->s_raw_path);
    int shown = 0;
    if (raw_path != NULL && PyBytes_CheckExact(raw_path)) {
        request->since = now_ns();
        if (!has_waited(request, key)) { /* else the Python way finds out for how long */
            Py_BEGIN_CRITICAL_SECTION(key);
            shown = acquire_slot(request, key, raw_path);
            key->unsampled -= shown;
            Py_END_CRITICAL_SECTION();
        }
    }
    Py_XDECREF(raw_path);
    if (!shown) {
        Py_DECREF(key);
        return 0;
    }
    request->key = key;
    request->phase = NATIVE;
    if (mark(request, key) < 0) {
        note(middleware, key, "begin");
        PyDict_DelItem(request->scope, state->s_sidelight);
        PyErr_Clear();
        release_slot(request);
        request->phase = PYTHON; /* unmeasured */
    }
    else if (request->since > key->due) {
        PyObject *recorder = PyObject_GetAttrString((PyObject *)key, "recorder");
        PyObject *done = recorder == NULL ? NULL : PyObject_CallMethod(recorder, "wake", NULL);
        if (done == NULL) {
            note(middleware, key, "begin");
        }
        Py_XDECREF(recorder);
        Py_XDECREF(done);
    }
    return 1;
}

/* An exception that would end a coroutine as if it returned is another in there (PEP 479). */
COLD static void
chain_stop_iteration(void)
{
    PyObject *stop = raised();
    PyErr_SetString(PyExc_RuntimeError, "coroutine raised StopIteration");
    PyObject *error = raised();
    PyException_SetContext(error, Py_NewRef(stop));
    PyException_SetCause(error, stop);
    raise_again(error);
}

/* What an `await` of an object would drive. Takes the reference; NULL is what a call raised. */
static PyObject *
steps_of(Middleware *middleware, PyObject *awaitable)
{
    if (awaitable == NULL) {
        if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
            chain_stop_iteration();
        }
        return NULL;
    }
    if (PyCoro_CheckExact(awaitable) ||
        Py_IS_TYPE(awaitable, middleware->state->request_type)) {
        return awaitable;
    }
    PyObject *coroutine = PyObject_CallOneArg(middleware->awaited, awaitable);
    Py_DECREF(awaitable);
    return coroutine;
}

/* Call the application, or the Python way where a request is uncommon. */
static int
start(Request *request)
{
    Middleware *middleware = request->middleware;
    PyObject *called;
    request->phase = PYTHON;
    if (begin(request)) {
        called = PyObject_CallFunctionObjArgs(middleware->app, request->scope, (PyObject *)request,
                                              (PyObject *)request, NULL);
    }
    else {
        if (PyErr_Occurred()) {
            note(middleware, NULL, "begin");
        }
        PyObject *arrived = request->arrived > 0 ? PyLong_FromLongLong(request->arrived) : NULL;
        PyErr_Clear();
        called = PyObject_CallFunctionObjArgs(middleware->python_way, request->scope,
                                              request->receive, request->send, arrived, NULL);
        Py_XDECREF(arrived);
    }
    request->steps = steps_of(middleware, called);
    return request->steps == NULL ? -1 : 0;
}

/* Begin a step, if none is being done, as a coroutine wants it; otherwise an exception says so. */
static int
begin_step(Request *request)
{
    if (swap(&request->running, 1)) {
        PyErr_SetString(PyExc_ValueError, "coroutine already executing");
        return 0;
    }
    return 1;
}

static inline void
end_step(Request *request)
{
    (void)swap(&request->running, 0);
}

/* One step of the application, as `coroutine.send` takes it. */
static PySendResult
request_step(PyObject *self, PyObject *value, PyObject **result)
{
    Request *request = (Request *)self;
    *result = NULL;
    if (!begin_step(request)) {
        return PYGEN_ERROR;
    }
    if (request->phase == NEW) {
        if (value != Py_None) {
            end_step(request);
            PyErr_SetString(PyExc_TypeError,
                            "can't send non-None value to a just-started coroutine");
            return PYGEN_ERROR;
        }
        if (start(request) < 0) {
            end_step(request);
            conclude_with_error(request);
            return PYGEN_ERROR;
        }
    }
    if (request->steps == NULL) {
        end_step(request);
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        return PYGEN_ERROR;
    }
    /* A reference of our own: the application may throw this request away while it runs. */
    PyObject *steps = Py_NewRef(request->steps);
    PySendResult outcome = PyIter_Send(steps, value, result);
    end_step(request);
    Py_DECREF(steps);
    if (outcome == PYGEN_RETURN) {
        conclude(request, NULL);
    }
    else if (outcome == PYGEN_ERROR) {
        conclude_with_error(request);
    }
    return outcome;
}

/* What `tp_iternext` and `send()` make of a step: a returned value is a StopIteration. */
static PyObject *
as_iteration(PySendResult outcome, PyObject *result)
{
    if (outcome != PYGEN_RETURN) {
        return result;
    }
    if (result == Py_None) {
        PyErr_SetNone(PyExc_StopIteration);
    }
    else { /* a tuple or an exception as the value would be taken apart */
        PyObject *stop = PyObject_CallOneArg(PyExc_StopIteration, result);
        if (stop != NULL) {
            PyErr_SetObject(PyExc_StopIteration, stop);
            Py_DECREF(stop);
        }
    }
    Py_DECREF(result);
    return NULL;
}

static PyObject *
request_next(PyObject *self)
{
    PyObject *result;
    PySendResult outcome = request_step(self, Py_None, &result);
    return as_iteration(outcome, result);
}

static PyObject *
request_send_value(PyObject *self, PyObject *value)
{
    PyObject *result;
    PySendResult outcome = request_step(self, value, &result);
    return as_iteration(outcome, result);
}

/* Throw into what is awaited: its `throw`, with the arguments as they were given. */
static PyObject *
throw_into(PyObject *steps, PyObject *name, PyObject *args)
{
    PyObject *method = PyObject_GetAttr(steps, name);
    if (method == NULL) {
        return NULL;
    }
    PyObject *result = PyObject_Call(method, args, NULL);
    Py_DECREF(method);
    return result;
}

static PyObject *
request_throw(PyObject *self, PyObject *args)
{
    Request *request = (Request *)self;
    State *state = request->middleware->state;
    if (PyTuple_GET_SIZE(args) == 0) {
        PyErr_SetString(PyExc_TypeError, "throw() takes an exception");
        return NULL;
    }
    if (!begin_step(request)) {
        return NULL;
    }
    if (request->phase == NEW) { /* before its first step, which the Python way knows */
        request->phase = PYTHON;
        request->steps =
            PyObject_CallFunctionObjArgs(request->middleware->python_way, request->scope,
                                         request->receive, request->send, NULL);
    }
    if (request->steps == NULL) {
        end_step(request);
        if (!PyErr_Occurred()) {
            PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        }
        return NULL;
    }
    PyObject *steps = Py_NewRef(request->steps);
    PyObject *result = throw_into(steps, state->s_throw, args);
    end_step(request);
    Py_DECREF(steps);
    if (result != NULL) {
        return result;
    }
    if (PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyObject *stop = raised();
        conclude(request, NULL);
        raise_again(stop);
    }
    else {
        conclude_with_error(request);
    }
    return NULL;
}

static PyObject *
request_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    Request *request = (Request *)self;
    if (!begin_step(request)) {
        return NULL;
    }
    if (request->steps == NULL) {
        request->phase = OVER;
        end_step(request);
        Py_RETURN_NONE;
    }
    PyObject *steps = Py_NewRef(request->steps);
    PyObject *done = PyObject_CallMethodNoArgs(steps, request->middleware->state->s_close);
    end_step(request);
    Py_DECREF(steps);
    if (done == NULL) { /* also one that ignores it, and could go on, is over for us */
        conclude_with_error(request);
        return NULL;
    }
    PyObject *error = PyObject_CallNoArgs(PyExc_GeneratorExit);
    if (error == NULL) {
        PyErr_Clear();
    }
    conclude(request, error);
    Py_XDECREF(error);
    return done;
}

static PyObject *receiving_new(Request *request);

/* A request is also the application's `send(message)` and `receive()`. */
static PyObject *
request_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Request *request = (Request *)self;
    if (request->send == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "the request is garbage");
        return NULL;
    }
    Py_ssize_t given = PyVectorcall_NARGS(nargsf);
    Py_ssize_t named = names == NULL ? 0 : PyTuple_GET_SIZE(names);
    if (given == 0 && named == 0) {
        return receiving_new(request);
    }
    if (given + named == 1 && (named == 0 || IS(PyTuple_GET_ITEM(names, 0), "message"))) {
        return request_send(request, args[0]);
    }
    PyErr_SetString(PyExc_TypeError, "send(message) and receive() take no other arguments");
    return NULL;
}

static PyObject *
request_get_awaited(Request *request, void *Py_UNUSED(closure))
{
    return Py_NewRef(request->steps == NULL ? Py_None : request->steps);
}

static PyObject *
request_get_name(PyObject *Py_UNUSED(self), void *Py_UNUSED(closure))
{
    return PyUnicode_FromString("SidelightMiddleware.__call__");
}

static int
request_traverse(PyObject *self, visitproc visit, void *arg)
{
    Request *request = (Request *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(request->middleware);
    Py_VISIT(request->scope);
    Py_VISIT(request->receive);
    Py_VISIT(request->send);
    Py_VISIT(request->key);
    Py_VISIT(request->start);
    Py_VISIT(request->promoted);
    Py_VISIT(request->steps);
    return 0;
}

/* The collector calls it in the midst of garbage, of which some may call this request once more:
   so it keeps its key and its middleware, which are cleared themselves. */
static int
request_clear(PyObject *self)
{
    Request *request = (Request *)self;
    if (request->slot != NULL) {
        release_slot(request);
    }
    request->phase = OVER;
    Py_CLEAR(request->steps);
    Py_CLEAR(request->promoted);
    Py_CLEAR(request->start);
    Py_CLEAR(request->scope);
    Py_CLEAR(request->receive);
    Py_CLEAR(request->send);
    return 0;
}

/* A request that is not awaited to its end is closed, as a coroutine is. One that was never
   awaited warns of that, by being a coroutine for a moment. */
static void
request_finalize(PyObject *self)
{
    Request *request = (Request *)self;
    if (request->phase == OVER || (request->phase != NEW && request->steps == NULL)) {
        return;
    }
    PyObject *error = PyErr_Occurred() ? raised() : NULL;
    PyObject *done;
    if (request->phase == NEW) {
        request->phase = OVER;
        done = PyObject_CallFunctionObjArgs(request->middleware->python_way, request->scope,
                                            request->receive, request->send, NULL);
    }
    else {
        done = request_close(self, NULL);
    }
    Py_XDECREF(done);
    if (PyErr_Occurred()) {
        PyErr_WriteUnraisable(self);
    }
    if (error != NULL) {
        raise_again(error);
    }
}

static void
request_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    Request *request = (Request *)self;
    if (request->phase != OVER && PyObject_CallFinalizerFromDealloc(self) < 0) {
        return;
    }
    PyObject_GC_UnTrack(self);
    request_clear(self);
    Py_CLEAR(request->key);
    Py_CLEAR(request->middleware);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef request_methods[] = {
    {"send", request_send_value, METH_O, "send(value)\n--\n\nAs of a coroutine."},
    {"throw", request_throw, METH_VARARGS, "throw(error)\n--\n\nAs of a coroutine."},
    {"close", request_close, METH_NOARGS, "close()\n--\n\nAs of a coroutine."},
    {NULL},
};

static PyGetSetDef request_getset[] = {
    {"cr_await", (getter)request_get_awaited, NULL, "What is awaited, or None.", NULL},
    {"__name__", request_get_name, NULL, NULL, NULL},
    {"__qualname__", request_get_name, NULL, NULL, NULL},
    {NULL},
};

static PyMemberDef request_members[] = {
    {"__vectorcalloffset__", T_PYSSIZET, offsetof(Request, call), READONLY},
    {NULL},
};

static PyType_Slot request_slots[] = {
    {Py_tp_doc, "One call of the application: a coroutine, and its send and receive."},
    {Py_tp_dealloc, request_dealloc},
    {Py_tp_finalize, request_finalize},
    {Py_tp_traverse, request_traverse},
    {Py_tp_clear, request_clear},
    {Py_tp_call, PyVectorcall_Call},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, request_next},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, request_step},
    {Py_tp_methods, request_methods},
    {Py_tp_getset, request_getset},
    {Py_tp_members, request_members},
    {0, NULL},
};

static PyType_Spec request_spec = {
    .name = "sidelight._fastpath.Request",
    .basicsize = sizeof(Request),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
             Py_TPFLAGS_DISALLOW_INSTANTIATION | Py_TPFLAGS_IMMUTABLETYPE,
    .slots = request_slots,
};

/* -------------------------------------------------------------------------------- receive */

typedef struct {
    PyObject_HEAD
    Request *request;
    PyObject *steps; /* what is awaited; NULL before the first step and after the end */
    int begun;
} Receiving;

static PyObject *
receiving_new(Request *request)
{
    Receiving *receiving = PyObject_GC_New(Receiving, request->middleware->state->receiving_type);
    if (receiving == NULL) {
        return NULL;
    }
    receiving->request = (Request *)Py_NewRef((PyObject *)request);
    receiving->steps = NULL;
    receiving->begun = 0;
    PyObject_GC_Track((PyObject *)receiving);
    return (PyObject *)receiving;
}

static int
receiving_start(Receiving *receiving)
{
    if (!receiving->begun) {
        Request *request = receiving->request;
        receiving->begun = 1;
        receiving->steps = steps_of(request->middleware, PyObject_CallNoArgs(request->receive));
    }
    else if (receiving->steps == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
    }
    return receiving->steps == NULL ? -1 : 0;
}

static PySendResult
receiving_step(PyObject *self, PyObject *value, PyObject **result)
{
    Receiving *receiving = (Receiving *)self;
    *result = NULL;
    if (receiving_start(receiving) < 0) {
        return PYGEN_ERROR;
    }
    PyObject *steps = Py_NewRef(receiving->steps);
    PySendResult outcome = PyIter_Send(steps, value, result);
    Py_DECREF(steps);
    if (outcome == PYGEN_RETURN) {
        Py_CLEAR(receiving->steps);
        received(receiving->request, *result);
    }
    return outcome;
}

static PyObject *
receiving_next(PyObject *self)
{
    PyObject *result;
    PySendResult outcome = receiving_step(self, Py_None, &result);
    return as_iteration(outcome, result);
}

static PyObject *
receiving_send_value(PyObject *self, PyObject *value)
{
    PyObject *result;
    PySendResult outcome = receiving_step(self, value, &result);
    return as_iteration(outcome, result);
}

static PyObject *
receiving_throw(PyObject *self, PyObject *args)
{
    Receiving *receiving = (Receiving *)self;
    if (receiving_start(receiving) < 0) {
        return NULL;
    }
    PyObject *steps = Py_NewRef(receiving->steps);
    PyObject *result = throw_into(steps, receiving->request->middleware->state->s_throw, args);
    Py_DECREF(steps);
    if (result == NULL && PyErr_ExceptionMatches(PyExc_StopIteration)) {
        PyObject *stop = raised();
        Py_CLEAR(receiving->steps);
        received(receiving->request, ((PyStopIterationObject *)stop)->value);
        raise_again(stop);
    }
    return result;
}

static PyObject *
receiving_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    Receiving *receiving = (Receiving *)self;
    PyObject *steps = receiving->steps;
    receiving->begun = 1;
    receiving->steps = NULL;
    if (steps == NULL) {
        Py_RETURN_NONE;
    }
    State *state = receiving->request->middleware->state;
    PyObject *done = PyObject_CallMethodNoArgs(steps, state->s_close);
    Py_DECREF(steps);
    return done;
}

static PyObject *
receiving_get_awaited(Receiving *receiving, void *Py_UNUSED(closure))
{
    return Py_NewRef(receiving->steps == NULL ? Py_None : receiving->steps);
}

static int
receiving_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Receiving *)self)->request);
    Py_VISIT(((Receiving *)self)->steps);
    return 0;
}

/* It keeps its request for the same reason. */
static int
receiving_clear(PyObject *self)
{
    ((Receiving *)self)->begun = 1;
    Py_CLEAR(((Receiving *)self)->steps);
    return 0;
}

static void
receiving_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    receiving_clear(self);
    Py_CLEAR(((Receiving *)self)->request);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef receiving_methods[] = {
    {"send", receiving_send_value, METH_O, "send(value)\n--\n\nAs of a coroutine."},
    {"throw", receiving_throw, METH_VARARGS, "throw(error)\n--\n\nAs of a coroutine."},
    {"close", receiving_close, METH_NOARGS, "close()\n--\n\nAs of a coroutine."},
    {NULL},
};

static PyGetSetDef receiving_getset[] = {
    {"cr_await", (getter)receiving_get_awaited, NULL, "What is awaited, or None.", NULL},
    {NULL},
};

static PyType_Slot receiving_slots[] = {
    {Py_tp_doc, "One call of receive()."},
    {Py_tp_dealloc, receiving_dealloc},
    {Py_tp_traverse, receiving_traverse},
    {Py_tp_clear, receiving_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, receiving_next},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, receiving_step},
    {Py_tp_methods, receiving_methods},
    {Py_tp_getset, receiving_getset},
    {0, NULL},
};

static PyType_Spec receiving_spec = {
    .name = "sidelight._fastpath.Receiving",
    .basicsize = sizeof(Receiving),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = receiving_slots,
};

/* --------------------------------------------------------------------- the router's steps */

/* What a router calls, with each step of it clocked: how long it keeps the event loop busy. It is
   the router's, and not the middleware's call, since a middleware may run it in another task. */
typedef struct {
    PyObject_HEAD
    PyObject *app;     /* (scope, receive, send) -> coroutine */
    PyObject *awaited; /* as of a `Middleware` */
    PyObject *learn;   /* (key, scope) -> the word that counts the busy time of its route, or -1 */
    State *state;
} Clocked;

typedef struct {
    PyObject_HEAD
    Clocked *clocked;
    PyObject *scope;
    PyObject *steps; /* what is awaited; NULL after the end */
    Key *key;
    int64_t pending; /* busy time that was not counted yet */
} Steps;

/* The word that counts the busy time of the route that was chosen; -1 where none does. */
static int64_t
busy_word(Steps *steps)
{
    State *state = steps->clocked->state;
    PyObject *route = chosen(state, steps->scope);
    PyObject *root_path = get(steps->scope, state->s_root_path);
    int64_t word = -1;
    if (route != NULL && root_path != NULL) {
        Py_BEGIN_CRITICAL_SECTION(steps->key);
        Series *series = find(steps->key, route, root_path, BUSY);
        word = series == NULL ? -1 : (int64_t)series->duration;
        Py_END_CRITICAL_SECTION();
    }
    Py_XDECREF(route);
    Py_XDECREF(root_path);
    if (word < 0) {
        PyObject *found = PyObject_CallFunctionObjArgs(
            steps->clocked->learn, (PyObject *)steps->key, steps->scope, NULL);
        word = found == NULL ? -1 : (int64_t)PyLong_AsLongLong(found);
        Py_XDECREF(found);
    }
    return word;
}

/* A router's step begins. Returns when. */
static int64_t
start_clock(Steps *steps)
{
    if (steps->key->clock != NULL) {
        ((Clock *)steps->key->clock)->in_step++;
    }
    return now_ns();
}

/* Count a step. An exception that is set stays as it is. */
static void
stop_clock(Steps *steps, int64_t start, int is_last)
{
    Key *key = steps->key;
    int64_t end = now_ns();
    if (key->clock != NULL) {
        ((Clock *)key->clock)->in_step--;
    }
    steps->pending += end - start;
    if (steps->pending < LONG_STEP && !is_last) {
        return;
    }
    PyObject *error = PyErr_Occurred() ? raised() : NULL;
    int64_t word = busy_word(steps);
    PyErr_Clear();
    int counted = 0;
    Py_BEGIN_CRITICAL_SECTION(key);
    if (word >= 0 && word < key->view.len / (Py_ssize_t)sizeof(uint64_t) && key->clock != NULL) {
        add((uint64_t *)key->view.buf + word, (uint64_t)steps->pending);
        counted = 1;
    }
    Py_END_CRITICAL_SECTION();
    if (counted) {
        Clock *clock = (Clock *)key->clock;
        add((uint64_t *)&clock->routed, (uint64_t)steps->pending);
        if (end - start >= LONG_STEP) {
            note_step(clock, start, end, (uint32_t)word);
        }
    }
    steps->pending = 0;
    if (error != NULL) {
        raise_again(error);
    }
}

static PySendResult
steps_step(PyObject *self, PyObject *value, PyObject **result)
{
    Steps *steps = (Steps *)self;
    *result = NULL;
    if (steps->steps == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        return PYGEN_ERROR;
    }
    PyObject *coroutine = Py_NewRef(steps->steps);
    int64_t start = start_clock(steps);
    PySendResult outcome = PyIter_Send(coroutine, value, result);
    stop_clock(steps, start, outcome != PYGEN_NEXT);
    Py_DECREF(coroutine);
    if (outcome != PYGEN_NEXT) {
        Py_CLEAR(steps->steps);
    }
    return outcome;
}

static PyObject *
steps_next(PyObject *self)
{
    PyObject *result;
    PySendResult outcome = steps_step(self, Py_None, &result);
    return as_iteration(outcome, result);
}

static PyObject *
steps_send_value(PyObject *self, PyObject *value)
{
    PyObject *result;
    PySendResult outcome = steps_step(self, value, &result);
    return as_iteration(outcome, result);
}

static PyObject *
steps_throw(PyObject *self, PyObject *args)
{
    Steps *steps = (Steps *)self;
    if (steps->steps == NULL) {
        PyErr_SetString(PyExc_RuntimeError, "cannot reuse already awaited coroutine");
        return NULL;
    }
    PyObject *coroutine = Py_NewRef(steps->steps);
    int64_t start = start_clock(steps);
    PyObject *result = throw_into(coroutine, steps->clocked->state->s_throw, args);
    stop_clock(steps, start, result == NULL);
    Py_DECREF(coroutine);
    if (result == NULL) {
        Py_CLEAR(steps->steps);
    }
    return result;
}

static PyObject *
steps_close(PyObject *self, PyObject *Py_UNUSED(none))
{
    Steps *steps = (Steps *)self;
    PyObject *coroutine = steps->steps;
    steps->steps = NULL;
    if (coroutine == NULL) {
        Py_RETURN_NONE;
    }
    int64_t start = start_clock(steps);
    PyObject *done = PyObject_CallMethodNoArgs(coroutine, steps->clocked->state->s_close);
    stop_clock(steps, start, 1);
    Py_DECREF(coroutine);
    return done;
}

static PyObject *
steps_get_awaited(Steps *steps, void *Py_UNUSED(closure))
{
    return Py_NewRef(steps->steps == NULL ? Py_None : steps->steps);
}

static int
steps_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Steps *)self)->clocked);
    Py_VISIT(((Steps *)self)->scope);
    Py_VISIT(((Steps *)self)->steps);
    Py_VISIT(((Steps *)self)->key);
    return 0;
}

/* What it belongs to stays, since other garbage may use it once more. */
static int
steps_clear(PyObject *self)
{
    Py_CLEAR(((Steps *)self)->steps);
    return 0;
}

static void
steps_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    steps_clear(self);
    Py_CLEAR(((Steps *)self)->scope);
    Py_CLEAR(((Steps *)self)->key);
    Py_CLEAR(((Steps *)self)->clocked);
    PyObject_GC_Del(self);
    Py_DECREF(type);
}

static PyMethodDef steps_methods[] = {
    {"send", steps_send_value, METH_O, "send(value)\n--\n\nAs of a coroutine."},
    {"throw", steps_throw, METH_VARARGS, "throw(error)\n--\n\nAs of a coroutine."},
    {"close", steps_close, METH_NOARGS, "close()\n--\n\nAs of a coroutine."},
    {NULL},
};

static PyGetSetDef steps_getset[] = {
    {"cr_await", (getter)steps_get_awaited, NULL, "What is awaited, or None.", NULL},
    {NULL},
};

static PyType_Slot steps_slots[] = {
    {Py_tp_doc, "One call of a router, whose steps are clocked."},
    {Py_tp_dealloc, steps_dealloc},
    {Py_tp_traverse, steps_traverse},
    {Py_tp_clear, steps_clear},
    {Py_tp_iter, PyObject_SelfIter},
    {Py_tp_iternext, steps_next},
    {Py_am_await, PyObject_SelfIter},
    {Py_am_send, steps_step},
    {Py_tp_methods, steps_methods},
    {Py_tp_getset, steps_getset},
    {0, NULL},
};

static PyType_Spec steps_spec = {
    .name = "sidelight._fastpath.Steps",
    .basicsize = sizeof(Steps),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_DISALLOW_INSTANTIATION |
             Py_TPFLAGS_IMMUTABLETYPE,
    .slots = steps_slots,
};

/* The key of a request that is measured, as a reference of our own; NULL without. */
static Key *
measured_by(State *state, PyObject *scope)
{
    PyObject *found = PyDict_CheckExact(scope) ? get(scope, state->s_sidelight) : NULL;
    Key *key = NULL;
    if (found != NULL && PyTuple_CheckExact(found) && PyTuple_GET_SIZE(found) == 3 &&
        PyObject_TypeCheck(PyTuple_GET_ITEM(found, 0), state->key_type)) {
        key = (Key *)Py_NewRef(PyTuple_GET_ITEM(found, 0));
    }
    Py_XDECREF(found);
    if (key != NULL && (key->words == NULL || key->clock == NULL ||
                        !PyObject_TypeCheck(key->clock, state->clock_type))) {
        Py_CLEAR(key);
    }
    return key;
}

static PyObject *
clocked_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    Clocked *clocked = (Clocked *)self;
    if (clocked->app == NULL) {
        PyErr_SetString(PyExc_TypeError, "prepare() was not called");
        return NULL;
    }
    PyObject *coroutine = PyObject_Call(clocked->app, args, kwargs);
    if (coroutine == NULL || PyTuple_GET_SIZE(args) != 3) {
        return coroutine;
    }
    PyObject *scope = PyTuple_GET_ITEM(args, 0);
    Key *key = measured_by(clocked->state, scope);
    if (key == NULL) {
        PyErr_Clear();
        return coroutine;
    }
    if (!PyCoro_CheckExact(coroutine)) {
        PyObject *awaitable = coroutine;
        coroutine = PyObject_CallOneArg(clocked->awaited, awaitable);
        Py_DECREF(awaitable);
        if (coroutine == NULL) {
            Py_DECREF(key);
            return NULL;
        }
    }
    Steps *steps = PyObject_GC_New(Steps, clocked->state->steps_type);
    if (steps == NULL) {
        PyErr_Clear();
        Py_DECREF(key);
        return coroutine;
    }
    steps->clocked = (Clocked *)Py_NewRef(self);
    steps->scope = Py_NewRef(scope);
    steps->steps = coroutine;
    steps->key = key;
    steps->pending = 0;
    PyObject_GC_Track((PyObject *)steps);
    return (PyObject *)steps;
}

static PyObject *
clocked_prepare(PyObject *self, PyTypeObject *defining, PyObject *const *args, Py_ssize_t given,
                PyObject *names)
{
    Clocked *clocked = (Clocked *)self;
    if (given != 3 || names != NULL || clocked->app != NULL) {
        PyErr_SetString(PyExc_TypeError, "prepare() takes three arguments, once");
        return NULL;
    }
    clocked->state = PyType_GetModuleState(defining);
    clocked->app = Py_NewRef(args[0]);
    clocked->awaited = Py_NewRef(args[1]);
    clocked->learn = Py_NewRef(args[2]);
    Py_RETURN_NONE;
}

static int
clocked_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(((Clocked *)self)->app);
    Py_VISIT(((Clocked *)self)->awaited);
    Py_VISIT(((Clocked *)self)->learn);
    return 0;
}

static int
clocked_clear(PyObject *self)
{
    Py_CLEAR(((Clocked *)self)->app);
    Py_CLEAR(((Clocked *)self)->awaited);
    Py_CLEAR(((Clocked *)self)->learn);
    return 0;
}

static void
clocked_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    clocked_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef clocked_methods[] = {
    {"prepare", (PyCFunction)(void (*)(void))clocked_prepare,
     METH_METHOD | METH_FASTCALL | METH_KEYWORDS,
     "prepare(app, awaited, learn)\n--\n\nSet what is called."},
    {NULL},
};

static PyType_Slot clocked_slots[] = {
    {Py_tp_doc, "Calls a router's application, and clocks each step of it."},
    {Py_tp_dealloc, clocked_dealloc},
    {Py_tp_traverse, clocked_traverse},
    {Py_tp_clear, clocked_clear},
    {Py_tp_call, clocked_call},
    {Py_tp_methods, clocked_methods},
    {0, NULL},
};

static PyType_Spec clocked_spec = {
    .name = "sidelight._fastpath.Clocked",
    .basicsize = sizeof(Clocked),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = clocked_slots,
};

/* ------------------------------------------------------------------------- the middleware */

static PyObject *
middleware_call(PyObject *self, PyObject *args, PyObject *kwargs)
{
    Middleware *middleware = (Middleware *)self;
    if (middleware->app == NULL) {
        PyErr_SetString(PyExc_TypeError, "SidelightMiddleware.__init__() was not called");
        return NULL;
    }
    if (PyTuple_GET_SIZE(args) != 3 || (kwargs != NULL && PyDict_GET_SIZE(kwargs))) {
        return PyObject_Call(middleware->python_way, args, kwargs);
    }
    Request *request = PyObject_GC_New(Request, middleware->state->request_type);
    if (request == NULL) {
        return NULL;
    }
    /* All that lies behind the object's head is zero until it is set. */
    memset((char *)request + sizeof(PyObject), 0, sizeof(Request) - sizeof(PyObject));
    request->call = request_call;
    request->middleware = (Middleware *)Py_NewRef(self);
    request->scope = Py_NewRef(PyTuple_GET_ITEM(args, 0));
    request->receive = Py_NewRef(PyTuple_GET_ITEM(args, 1));
    request->send = Py_NewRef(PyTuple_GET_ITEM(args, 2));
    PyObject_GC_Track((PyObject *)request);
    return (PyObject *)request;
}

PyDoc_STRVAR(prepare_doc,
"prepare(app, keys, python_way, promote, conclude, failed, awaited, client_left, arrival,\n"
"        origin)\n"
"--\n\n"
"Set what a call needs. ``keys`` are those of common requests, by method.");

static PyObject *
middleware_prepare(PyObject *self, PyTypeObject *defining, PyObject *const *args,
                   Py_ssize_t given, PyObject *names)
{
    Middleware *middleware = (Middleware *)self;
    if (given != 10 || names != NULL || !PyDict_CheckExact(args[1])) {
        PyErr_SetString(PyExc_TypeError, "prepare() takes ten arguments, the second a dict");
        return NULL;
    }
    if (middleware->app != NULL) { /* requests of it may be running */
        PyErr_SetString(PyExc_RuntimeError, "prepare() was called before");
        return NULL;
    }
    PyObject **places[] = {&middleware->app,      &middleware->keys,   &middleware->python_way,
                           &middleware->promote,  &middleware->conclude, &middleware->failed,
                           &middleware->awaited,  &middleware->client_left,
                           &middleware->arrival,  &middleware->origin};
    middleware->state = PyType_GetModuleState(defining);
    for (size_t at = 0; at < 10; at++) {
        Py_XSETREF(*places[at], Py_NewRef(args[at]));
    }
    Py_RETURN_NONE;
}

static int
middleware_traverse(PyObject *self, visitproc visit, void *arg)
{
    Middleware *middleware = (Middleware *)self;
    Py_VISIT(Py_TYPE(self));
    Py_VISIT(middleware->keys);
    Py_VISIT(middleware->app);
    Py_VISIT(middleware->python_way);
    Py_VISIT(middleware->promote);
    Py_VISIT(middleware->conclude);
    Py_VISIT(middleware->failed);
    Py_VISIT(middleware->awaited);
    Py_VISIT(middleware->client_left);
    Py_VISIT(middleware->arrival);
    Py_VISIT(middleware->silent);
    Py_VISIT(middleware->origin);
    return 0;
}

static int
middleware_clear(PyObject *self)
{
    Middleware *middleware = (Middleware *)self;
    Py_CLEAR(middleware->app);
    Py_CLEAR(middleware->keys);
    Py_CLEAR(middleware->python_way);
    Py_CLEAR(middleware->promote);
    Py_CLEAR(middleware->conclude);
    Py_CLEAR(middleware->failed);
    Py_CLEAR(middleware->awaited);
    Py_CLEAR(middleware->client_left);
    Py_CLEAR(middleware->arrival);
    Py_CLEAR(middleware->silent);
    Py_CLEAR(middleware->origin);
    return 0;
}

static void
middleware_dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_GC_UnTrack(self);
    middleware_clear(self);
    type->tp_free(self);
    Py_DECREF(type);
}

static PyMethodDef middleware_methods[] = {
    {"prepare", (PyCFunction)(void (*)(void))middleware_prepare,
     METH_METHOD | METH_FASTCALL | METH_KEYWORDS, prepare_doc},
    {NULL},
};

static PyType_Slot middleware_slots[] = {
    {Py_tp_doc, "Calls an application, and counts its common requests."},
    {Py_tp_dealloc, middleware_dealloc},
    {Py_tp_traverse, middleware_traverse},
    {Py_tp_clear, middleware_clear},
    {Py_tp_call, middleware_call},
    {Py_tp_methods, middleware_methods},
    {0, NULL},
};

static PyType_Spec middleware_spec = {
    .name = "sidelight._fastpath.Middleware",
    .basicsize = sizeof(Middleware),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE | Py_TPFLAGS_HAVE_GC,
    .slots = middleware_slots,
};

/* ----------------------------------------------------------------------------- the module */

static PyTypeObject *
add_type(PyObject *self, PyType_Spec *spec)
{
    PyObject *type = PyType_FromModuleAndSpec(self, spec, NULL);
    if (type == NULL || PyModule_AddType(self, (PyTypeObject *)type) < 0) {
        Py_XDECREF(type);
        return NULL;
    }
    return (PyTypeObject *)type;
}

static int
module_exec(PyObject *self)
{
    State *state = PyModule_GetState(self);
#define INTERN(name)                                                                              \
    if ((state->s_##name = PyUnicode_InternFromString(#name)) == NULL) {                          \
        return -1;                                                                                \
    }
    NAMES(INTERN)
#undef INTERN
    if ((state->key_type = add_type(self, &key_spec)) == NULL ||
        (state->clock_type = add_type(self, &clock_spec)) == NULL ||
        (state->request_type = add_type(self, &request_spec)) == NULL ||
        (state->receiving_type = add_type(self, &receiving_spec)) == NULL ||
        (state->clocked_type = add_type(self, &clocked_spec)) == NULL ||
        (state->steps_type = add_type(self, &steps_spec)) == NULL ||
        (state->middleware_type = add_type(self, &middleware_spec)) == NULL) {
        return -1;
    }
    return 0;
}

static int
module_traverse(PyObject *self, visitproc visit, void *arg)
{
    State *state = PyModule_GetState(self);
    Py_VISIT(state->key_type);
    Py_VISIT(state->clock_type);
    Py_VISIT(state->clocked_type);
    Py_VISIT(state->steps_type);
    Py_VISIT(state->middleware_type);
    Py_VISIT(state->request_type);
    Py_VISIT(state->receiving_type);
    return 0;
}

/* There is no `m_clear`: types and module refer to each other, but a type drops its module when
   it is cleared, and code that runs meanwhile may need the names. */
static void
module_free(void *self)
{
    State *state = PyModule_GetState((PyObject *)self);
    if (state == NULL) {
        return;
    }
    Py_CLEAR(state->key_type);
    Py_CLEAR(state->clock_type);
    Py_CLEAR(state->clocked_type);
    Py_CLEAR(state->steps_type);
    Py_CLEAR(state->middleware_type);
    Py_CLEAR(state->request_type);
    Py_CLEAR(state->receiving_type);
#define DROP(name) Py_CLEAR(state->s_##name);
    NAMES(DROP)
#undef DROP
}

PyDoc_STRVAR(add_doc, "add(words, at, amount)\n--\n\n"
"Add to a word of a file, whatever other threads add to it at the same time.");

static PyObject *
module_add(PyObject *Py_UNUSED(self), PyObject *args)
{
    PyObject *words;
    Py_buffer view;
    Py_ssize_t at;
    long long amount;
    if (!PyArg_ParseTuple(args, "OnL:add", &words, &at, &amount) ||
        PyObject_GetBuffer(words, &view, PyBUF_WRITABLE) < 0) {
        return NULL;
    }
    int inside = at >= 0 && at < view.len / (Py_ssize_t)sizeof(uint64_t);
    if (inside) {
        add((uint64_t *)view.buf + at, (uint64_t)amount);
    }
    else {
        PyErr_SetString(PyExc_IndexError, "the word is outside of the file");
    }
    PyBuffer_Release(&view);
    return inside ? Py_NewRef(Py_None) : NULL;
}

static PyMethodDef module_methods[] = {
    {"add", module_add, METH_VARARGS, add_doc},
    {NULL},
};

static PyModuleDef_Slot module_slots[] = {
    {Py_mod_exec, module_exec},
#if PY_VERSION_HEX >= 0x030C0000
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
#if PY_VERSION_HEX >= 0x030D0000
    {Py_mod_gil, Py_MOD_GIL_NOT_USED},
#endif
    {0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "sidelight._fastpath",
    .m_doc = "The common request's way, natively; `sidelight.asgi.fast_path` is its reference.",
    .m_size = sizeof(State),
    .m_methods = module_methods,
    .m_slots = module_slots,
    .m_traverse = module_traverse,
    .m_free = module_free,
};

PyMODINIT_FUNC
PyInit__fastpath(void)
{
    return PyModuleDef_Init(&module);
}
