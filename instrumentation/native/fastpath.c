/* The common request's way, natively: from its scope to its counted response; and the sums of a scrape.

   The former does what `sidelight.asgi.fast_path` does in Python, and nothing else. That module is the
   reference: whatever is uncommon is given to it before anything has been changed, as a
   `RequestState` that knows all that was seen so far. Both ways have the same tests.

   - `Clock`       whether requests may have waited for the event loop
   - `Key`         a request key: what its requests have in common, and the series they count in
   - `Middleware`  the base of `SidelightMiddleware`, whose call it is
   - `Request`     the awaitable that such a call returns, and the application's `send`, `receive`
   - `Receiving`   the awaitable that `receive()` returns
   - `Clocked`     what a router calls, with its `Steps` clocked
   - `add_series`, `sum_parts`  what `sidelight.export.word_sums` does in Python

   Nothing in here raises into a request: an error of our own is noted, and the request goes on.

   Without a GIL, several threads run this at once. What a dict gives is a reference of our own, since
   another thread may take the value out of it meanwhile; words are added to atomically; and a key's
   file and series are used in a critical section of the key. A request is used by one thread. */

#include "middleware.h"
#include "receiving.h"
#include "router.h"
#include "sums.h"

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
    {"add_series", module_add_series, METH_VARARGS, add_series_doc},
    {"sum_parts", module_sum_parts, METH_VARARGS, sum_parts_doc},
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
    .m_doc = "The common request's way, and the sums of a scrape, natively; each has a reference in Python.",
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
