/* What differs between Pythons and compilers, exceptions, and the module's state. */

#pragma once

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
static inline int
bit_length(uint64_t value)
{
    unsigned long leading;
#ifdef _WIN64
    return _BitScanReverse64(&leading, value) ? (int)leading + 1 : 0;
#else
    if (_BitScanReverse(&leading, (unsigned long)(value >> 32))) {
        return (int)leading + 33;
    }
    return _BitScanReverse(&leading, (unsigned long)value) ? (int)leading + 1 : 0;
#endif
}
#define publish(word, value) (*(volatile uint64_t *)(word) = (value))
#define add(word, value) ((void)_InterlockedExchangeAdd64((volatile __int64 *)(word), (__int64)(value)))
#define swap(flag, value) _InterlockedExchange8((volatile char *)(flag), (value))
#else
#define COLD __attribute__((cold, noinline))
static inline int
bit_length(uint64_t value)
{
    return value == 0 ? 0 : 64 - __builtin_clzll(value);
}
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

/* What belongs to the module: its types and the names it looks up. */

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
