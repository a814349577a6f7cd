// SPDX-License-Identifier: BSD-3-Clause
//
// Buffers: null pointers where the library needs a buffer. libevent crashes at
// each of these calls; ours warns and returns an error.

#include "tests/differential/scenarios/io_support.h"

SCENARIO_ORACLE_CRASHES(buffer_null, "libevent reads through the pointer");

SCENARIO(buffer_null,
         "bad input: no buffer: an error return and a warning from each "
         "function") {
  struct evbuffer_iovec vec[2] = {{NULL, 0}, {NULL, 0}};
  struct evbuffer_ptr ptr;
  struct evbuffer_ptr found;
  char out[4] = "";
  memset(&ptr, 0, sizeof ptr);
  rec("length %zu", evbuffer_get_length(NULL));
  rec("contiguous %zu", evbuffer_get_contiguous_space(NULL));
  rec("add %d", evbuffer_add(NULL, "x", 1));
  rec("prepend %d", evbuffer_prepend(NULL, "x", 1));
  rec("add_reference %d", evbuffer_add_reference(NULL, "x", 1, NULL, NULL));
  rec("add_printf %d", evbuffer_add_printf(NULL, "%d", 1));
  rec("add_iovec %zu", evbuffer_add_iovec(NULL, vec, 2));
  rec("add_file %d", evbuffer_add_file(NULL, -1, 0, 1));
  rec("remove %d", evbuffer_remove(NULL, out, 1));
  rec("copyout %zd", (ssize_t)evbuffer_copyout(NULL, out, 1));
  rec("copyout_from %zd", (ssize_t)evbuffer_copyout_from(NULL, &ptr, out, 1));
  rec("drain %d", evbuffer_drain(NULL, 1));
  rec("expand %d", evbuffer_expand(NULL, 1));
  rec("reserve %d", evbuffer_reserve_space(NULL, 1, vec, 2));
  rec("commit %d", evbuffer_commit_space(NULL, vec, 1));
  rec("pullup %d", evbuffer_pullup(NULL, 1) == NULL);
  rec("readln %d", evbuffer_readln(NULL, NULL, EVBUFFER_EOL_LF) == NULL);
  found = evbuffer_search(NULL, "x", 1, NULL);
  rec("search %zd", (ssize_t)found.pos);
  found = evbuffer_search_eol(NULL, NULL, NULL, EVBUFFER_EOL_LF);
  rec("search_eol %zd", (ssize_t)found.pos);
  rec("ptr_set %d", evbuffer_ptr_set(NULL, &ptr, 0, EVBUFFER_PTR_SET));
  rec("peek %d", evbuffer_peek(NULL, 1, NULL, vec, 2));
  rec("add_cb %d", evbuffer_add_cb(NULL, NULL, NULL) == NULL);
  rec("freeze %d %d", evbuffer_freeze(NULL, 0), evbuffer_unfreeze(NULL, 0));
  rec("read %d", evbuffer_read(NULL, 0, 1));
  rec("write %d", evbuffer_write(NULL, 0));
  rec("set_flags %d", evbuffer_set_flags(NULL, 0));
  evbuffer_free(NULL);
}

SCENARIO_ORACLE_CRASHES(buffer_null_other,
                        "libevent reads through the pointer");

SCENARIO(buffer_null_other,
         "bad input: no second buffer, no data, no segment: an error return "
         "and nothing changed") {
  struct evbuffer *b = evbuffer_new();
  evbuffer_add(b, "abc", 3);
  rec("add_buffer %d", evbuffer_add_buffer(b, NULL));
  rec("prepend_buffer %d", evbuffer_prepend_buffer(b, NULL));
  rec("remove_buffer %d", evbuffer_remove_buffer(b, NULL, 1));
  rec("remove_buffer %d", evbuffer_remove_buffer(NULL, b, 1));
  rec("add_buffer_reference %d", evbuffer_add_buffer_reference(b, NULL));
  rec("add_file_segment %d", evbuffer_add_file_segment(b, NULL, 0, 1));
  rec("ptr_set %d", evbuffer_ptr_set(b, NULL, 0, EVBUFFER_PTR_SET));
  rec("remove_cb_entry %d", evbuffer_remove_cb_entry(b, NULL));
  evbuffer_file_segment_free(NULL);
  rec_buffer("b", b);
  evbuffer_free(b);
}
