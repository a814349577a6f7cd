// SPDX-License-Identifier: BSD-3-Clause
//
// Prints the binary interface of the public headers: sizes and offsets of the
// structures, values of constants, and what macros expand to. Compiled against
// ours and against libevent's headers; layout_record_test compares the two
// outputs.
#include <event.h>
#include <event2/listener.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

#define PRINT_SIZE(type) \
  printf("sizeof %s %zu alignof %zu\n", #type, sizeof(type), alignof(type))
#define PRINT_FIELD(type, field)                                            \
  printf("%s.%s at %zu, %zu bytes\n", #type, #field, offsetof(type, field), \
         sizeof(((type *)0)->field))
#define PRINT_SIGNED(type) \
  printf("%s is %s\n", #type, (type)-1 < (type)1 ? "signed" : "unsigned")
#define TYPE_NAME(value)              \
  _Generic((value), int               \
           : "int", unsigned          \
           : "unsigned", long         \
           : "long", unsigned long    \
           : "unsigned long", default \
           : "another type")
#define PRINT_VALUE(constant) \
  printf("%s %lld %s\n", #constant, (long long)(constant), TYPE_NAME(constant))
#define PRINT_STRING(constant) printf("%s \"%s\"\n", #constant, constant)
// The tokens of a macro after expansion, without white space.
#define PRINT_EXPANSION(...) print_squeezed(#__VA_ARGS__)
#define PRINT_MACRO(...) \
  (printf("%s = ", #__VA_ARGS__), PRINT_EXPANSION(__VA_ARGS__))

#if defined(__LP64__)
// What every program on a 64-bit system was compiled with.
_Static_assert(sizeof(struct event_callback) == 40, "struct event_callback");
_Static_assert(sizeof(struct event) == 128, "struct event");
_Static_assert(sizeof(struct bufferevent) == 392, "struct bufferevent");
_Static_assert(sizeof(struct evbuffer_ptr) == 24, "struct evbuffer_ptr");
#endif

static void print_squeezed(const char *text) {
  for (; *text != '\0'; ++text) {
    if (*text != ' ') putchar(*text);
  }
  putchar('\n');
}

static void print_events(void) {
  PRINT_SIZE(struct event_callback);
  PRINT_FIELD(struct event_callback, evcb_active_next);
  PRINT_FIELD(struct event_callback, evcb_active_next.tqe_next);
  PRINT_FIELD(struct event_callback, evcb_active_next.tqe_prev);
  PRINT_FIELD(struct event_callback, evcb_flags);
  PRINT_FIELD(struct event_callback, evcb_pri);
  PRINT_FIELD(struct event_callback, evcb_closure);
  PRINT_FIELD(struct event_callback, evcb_cb_union);
  PRINT_FIELD(struct event_callback, evcb_cb_union.evcb_callback);
  PRINT_FIELD(struct event_callback, evcb_cb_union.evcb_selfcb);
  PRINT_FIELD(struct event_callback, evcb_cb_union.evcb_evfinalize);
  PRINT_FIELD(struct event_callback, evcb_cb_union.evcb_cbfinalize);
  PRINT_FIELD(struct event_callback, evcb_arg);
  PRINT_SIZE(struct event);
  PRINT_FIELD(struct event, ev_evcallback);
  PRINT_FIELD(struct event, ev_timeout_pos);
  PRINT_FIELD(struct event, ev_timeout_pos.ev_next_with_common_timeout);
  PRINT_FIELD(struct event,
              ev_timeout_pos.ev_next_with_common_timeout.tqe_next);
  PRINT_FIELD(struct event,
              ev_timeout_pos.ev_next_with_common_timeout.tqe_prev);
  PRINT_FIELD(struct event, ev_timeout_pos.min_heap_idx);
  PRINT_FIELD(struct event, ev_fd);
  PRINT_FIELD(struct event, ev_base);
  PRINT_FIELD(struct event, ev_);
  PRINT_FIELD(struct event, ev_.ev_io);
  PRINT_FIELD(struct event, ev_.ev_io.ev_io_next);
  PRINT_FIELD(struct event, ev_.ev_io.ev_io_next.le_next);
  PRINT_FIELD(struct event, ev_.ev_io.ev_io_next.le_prev);
  PRINT_FIELD(struct event, ev_.ev_io.ev_timeout);
  PRINT_FIELD(struct event, ev_.ev_signal);
  PRINT_FIELD(struct event, ev_.ev_signal.ev_signal_next);
  PRINT_FIELD(struct event, ev_.ev_signal.ev_signal_next.le_next);
  PRINT_FIELD(struct event, ev_.ev_signal.ev_signal_next.le_prev);
  PRINT_FIELD(struct event, ev_.ev_signal.ev_ncalls);
  PRINT_FIELD(struct event, ev_.ev_signal.ev_pncalls);
  PRINT_FIELD(struct event, ev_events);
  PRINT_FIELD(struct event, ev_res);
  PRINT_FIELD(struct event, ev_timeout);
  PRINT_SIZE(struct event_list);
  PRINT_FIELD(struct event_list, tqh_first);
  PRINT_FIELD(struct event_list, tqh_last);
  PRINT_SIZE(struct event_dlist);
  PRINT_FIELD(struct event_dlist, lh_first);
  PRINT_SIZE(struct evkeyval);
  PRINT_FIELD(struct evkeyval, next);
  PRINT_FIELD(struct evkeyval, next.tqe_next);
  PRINT_FIELD(struct evkeyval, next.tqe_prev);
  PRINT_FIELD(struct evkeyval, key);
  PRINT_FIELD(struct evkeyval, value);
  PRINT_SIZE(struct evkeyvalq);
  PRINT_FIELD(struct evkeyvalq, tqh_first);
  PRINT_FIELD(struct evkeyvalq, tqh_last);
}

static void print_buffers(void) {
  PRINT_SIZE(struct evbuffer_ptr);
  PRINT_FIELD(struct evbuffer_ptr, pos);
  PRINT_FIELD(struct evbuffer_ptr, internal_.chain);
  PRINT_FIELD(struct evbuffer_ptr, internal_.pos_in_chain);
  PRINT_SIZE(struct evbuffer_iovec);
  PRINT_FIELD(struct evbuffer_iovec, iov_base);
  PRINT_FIELD(struct evbuffer_iovec, iov_len);
  PRINT_SIZE(struct evbuffer_cb_info);
  PRINT_FIELD(struct evbuffer_cb_info, orig_size);
  PRINT_FIELD(struct evbuffer_cb_info, n_added);
  PRINT_FIELD(struct evbuffer_cb_info, n_deleted);
  PRINT_SIZE(struct event_watermark);
  PRINT_FIELD(struct event_watermark, low);
  PRINT_FIELD(struct event_watermark, high);
  PRINT_SIZE(struct bufferevent);
  PRINT_FIELD(struct bufferevent, ev_base);
  PRINT_FIELD(struct bufferevent, be_ops);
  PRINT_FIELD(struct bufferevent, ev_read);
  PRINT_FIELD(struct bufferevent, ev_write);
  PRINT_FIELD(struct bufferevent, input);
  PRINT_FIELD(struct bufferevent, output);
  PRINT_FIELD(struct bufferevent, wm_read);
  PRINT_FIELD(struct bufferevent, wm_write);
  PRINT_FIELD(struct bufferevent, readcb);
  PRINT_FIELD(struct bufferevent, writecb);
  PRINT_FIELD(struct bufferevent, errorcb);
  PRINT_FIELD(struct bufferevent, cbarg);
  PRINT_FIELD(struct bufferevent, timeout_read);
  PRINT_FIELD(struct bufferevent, timeout_write);
  PRINT_FIELD(struct bufferevent, enabled);
  PRINT_SIZE(struct evutil_addrinfo);
  PRINT_FIELD(struct evutil_addrinfo, ai_flags);
  PRINT_FIELD(struct evutil_addrinfo, ai_addr);
  PRINT_FIELD(struct evutil_addrinfo, ai_next);
}

static void print_types(void) {
  PRINT_SIZE(ev_uint64_t);
  PRINT_SIGNED(ev_uint64_t);
  PRINT_SIZE(ev_int64_t);
  PRINT_SIGNED(ev_int64_t);
  PRINT_SIZE(ev_uint32_t);
  PRINT_SIGNED(ev_uint32_t);
  PRINT_SIZE(ev_int32_t);
  PRINT_SIGNED(ev_int32_t);
  PRINT_SIZE(ev_uint16_t);
  PRINT_SIGNED(ev_uint16_t);
  PRINT_SIZE(ev_int16_t);
  PRINT_SIGNED(ev_int16_t);
  PRINT_SIZE(ev_uint8_t);
  PRINT_SIGNED(ev_uint8_t);
  PRINT_SIZE(ev_int8_t);
  PRINT_SIGNED(ev_int8_t);
  PRINT_SIZE(ev_uintptr_t);
  PRINT_SIGNED(ev_uintptr_t);
  PRINT_SIZE(ev_intptr_t);
  PRINT_SIGNED(ev_intptr_t);
  PRINT_SIZE(ev_ssize_t);
  PRINT_SIGNED(ev_ssize_t);
  PRINT_SIZE(ev_off_t);
  PRINT_SIGNED(ev_off_t);
  PRINT_SIZE(ev_socklen_t);
  PRINT_SIGNED(ev_socklen_t);
  PRINT_SIZE(evutil_socket_t);
  PRINT_SIGNED(evutil_socket_t);
  PRINT_SIZE(enum event_method_feature);
  PRINT_SIZE(enum event_base_config_flag);
  PRINT_SIZE(enum evbuffer_eol_style);
  PRINT_SIZE(enum evbuffer_ptr_how);
  PRINT_SIZE(enum bufferevent_options);
  PRINT_SIZE(enum bufferevent_flush_mode);
  PRINT_SIZE(enum bufferevent_trigger_options);
  PRINT_VALUE(EV_UINT64_MAX);
  PRINT_VALUE(EV_INT64_MAX);
  PRINT_VALUE(EV_INT64_MIN);
  PRINT_VALUE(EV_UINT32_MAX);
  PRINT_VALUE(EV_INT32_MAX);
  PRINT_VALUE(EV_INT32_MIN);
  PRINT_VALUE(EV_UINT16_MAX);
  PRINT_VALUE(EV_INT16_MAX);
  PRINT_VALUE(EV_INT16_MIN);
  PRINT_VALUE(EV_UINT8_MAX);
  PRINT_VALUE(EV_INT8_MAX);
  PRINT_VALUE(EV_INT8_MIN);
  PRINT_VALUE(EV_SIZE_MAX);
  PRINT_VALUE(EV_SSIZE_MAX);
  PRINT_VALUE(EV_SSIZE_MIN);
}

static void print_event_constants(void) {
  PRINT_VALUE(EV_FEATURE_ET);
  PRINT_VALUE(EV_FEATURE_O1);
  PRINT_VALUE(EV_FEATURE_FDS);
  PRINT_VALUE(EV_FEATURE_EARLY_CLOSE);
  PRINT_VALUE(EVENT_BASE_FLAG_NOLOCK);
  PRINT_VALUE(EVENT_BASE_FLAG_IGNORE_ENV);
  PRINT_VALUE(EVENT_BASE_FLAG_STARTUP_IOCP);
  PRINT_VALUE(EVENT_BASE_FLAG_NO_CACHE_TIME);
  PRINT_VALUE(EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
  PRINT_VALUE(EVENT_BASE_FLAG_PRECISE_TIMER);
  PRINT_VALUE(EVENT_LOG_DEBUG);
  PRINT_VALUE(EVENT_LOG_MSG);
  PRINT_VALUE(EVENT_LOG_WARN);
  PRINT_VALUE(EVENT_LOG_ERR);
  PRINT_VALUE(_EVENT_LOG_DEBUG);
  PRINT_VALUE(_EVENT_LOG_MSG);
  PRINT_VALUE(_EVENT_LOG_WARN);
  PRINT_VALUE(_EVENT_LOG_ERR);
  PRINT_VALUE(EVENT_DBG_ALL);
  PRINT_VALUE(EVENT_DBG_NONE);
  PRINT_VALUE(EVLOOP_ONCE);
  PRINT_VALUE(EVLOOP_NONBLOCK);
  PRINT_VALUE(EVLOOP_NO_EXIT_ON_EMPTY);
  PRINT_VALUE(EV_TIMEOUT);
  PRINT_VALUE(EV_READ);
  PRINT_VALUE(EV_WRITE);
  PRINT_VALUE(EV_SIGNAL);
  PRINT_VALUE(EV_PERSIST);
  PRINT_VALUE(EV_ET);
  PRINT_VALUE(EV_FINALIZE);
  PRINT_VALUE(EV_CLOSED);
  PRINT_VALUE(EVENT_MAX_PRIORITIES);
  PRINT_VALUE(EVLIST_TIMEOUT);
  PRINT_VALUE(EVLIST_INSERTED);
  PRINT_VALUE(EVLIST_SIGNAL);
  PRINT_VALUE(EVLIST_ACTIVE);
  PRINT_VALUE(EVLIST_INTERNAL);
  PRINT_VALUE(EVLIST_ACTIVE_LATER);
  PRINT_VALUE(EVLIST_FINALIZING);
  PRINT_VALUE(EVLIST_INIT);
  PRINT_VALUE(EVLIST_ALL);
  PRINT_VALUE(LIBEVENT_VERSION_NUMBER);
  PRINT_STRING(LIBEVENT_VERSION);
}

static void print_buffer_constants(void) {
  PRINT_VALUE(EVBUFFER_FLAG_DRAINS_TO_FD);
  PRINT_VALUE(EVBUFFER_EOL_ANY);
  PRINT_VALUE(EVBUFFER_EOL_CRLF);
  PRINT_VALUE(EVBUFFER_EOL_CRLF_STRICT);
  PRINT_VALUE(EVBUFFER_EOL_LF);
  PRINT_VALUE(EVBUFFER_EOL_NUL);
  PRINT_VALUE(EVBUF_FS_CLOSE_ON_FREE);
  PRINT_VALUE(EVBUF_FS_DISABLE_MMAP);
  PRINT_VALUE(EVBUF_FS_DISABLE_SENDFILE);
  PRINT_VALUE(EVBUF_FS_DISABLE_LOCKING);
  PRINT_VALUE(EVBUFFER_PTR_SET);
  PRINT_VALUE(EVBUFFER_PTR_ADD);
  PRINT_VALUE(EVBUFFER_CB_ENABLED);
  PRINT_VALUE(BEV_EVENT_READING);
  PRINT_VALUE(BEV_EVENT_WRITING);
  PRINT_VALUE(BEV_EVENT_EOF);
  PRINT_VALUE(BEV_EVENT_ERROR);
  PRINT_VALUE(BEV_EVENT_TIMEOUT);
  PRINT_VALUE(BEV_EVENT_CONNECTED);
  PRINT_VALUE(BEV_OPT_CLOSE_ON_FREE);
  PRINT_VALUE(BEV_OPT_THREADSAFE);
  PRINT_VALUE(BEV_OPT_DEFER_CALLBACKS);
  PRINT_VALUE(BEV_OPT_UNLOCK_CALLBACKS);
  PRINT_VALUE(BEV_NORMAL);
  PRINT_VALUE(BEV_FLUSH);
  PRINT_VALUE(BEV_FINISHED);
  PRINT_VALUE(BEV_TRIG_IGNORE_WATERMARKS);
  PRINT_VALUE(BEV_TRIG_DEFER_CALLBACKS);
  PRINT_VALUE(EVBUFFER_READ);
  PRINT_VALUE(EVBUFFER_WRITE);
  PRINT_VALUE(EVBUFFER_EOF);
  PRINT_VALUE(EVBUFFER_ERROR);
  PRINT_VALUE(EVBUFFER_TIMEOUT);
  PRINT_VALUE(LEV_OPT_LEAVE_SOCKETS_BLOCKING);
  PRINT_VALUE(LEV_OPT_CLOSE_ON_FREE);
  PRINT_VALUE(LEV_OPT_CLOSE_ON_EXEC);
  PRINT_VALUE(LEV_OPT_REUSEABLE);
  PRINT_VALUE(LEV_OPT_THREADSAFE);
  PRINT_VALUE(LEV_OPT_DISABLED);
  PRINT_VALUE(LEV_OPT_DEFERRED_ACCEPT);
  PRINT_VALUE(LEV_OPT_REUSEABLE_PORT);
  PRINT_VALUE(LEV_OPT_BIND_IPV6ONLY);
}

static void print_util_constants(void) {
  PRINT_VALUE(EVUTIL_INVALID_SOCKET);
  PRINT_VALUE(EV_MONOT_PRECISE);
  PRINT_VALUE(EV_MONOT_FALLBACK);
  PRINT_VALUE(EVUTIL_EAI_ADDRFAMILY);
  PRINT_VALUE(EVUTIL_EAI_AGAIN);
  PRINT_VALUE(EVUTIL_EAI_BADFLAGS);
  PRINT_VALUE(EVUTIL_EAI_FAIL);
  PRINT_VALUE(EVUTIL_EAI_FAMILY);
  PRINT_VALUE(EVUTIL_EAI_MEMORY);
  PRINT_VALUE(EVUTIL_EAI_NODATA);
  PRINT_VALUE(EVUTIL_EAI_NONAME);
  PRINT_VALUE(EVUTIL_EAI_SERVICE);
  PRINT_VALUE(EVUTIL_EAI_SOCKTYPE);
  PRINT_VALUE(EVUTIL_EAI_SYSTEM);
  PRINT_VALUE(EVUTIL_EAI_CANCEL);
  PRINT_VALUE(EVUTIL_AI_PASSIVE);
  PRINT_VALUE(EVUTIL_AI_CANONNAME);
  PRINT_VALUE(EVUTIL_AI_NUMERICHOST);
  PRINT_VALUE(EVUTIL_AI_NUMERICSERV);
  PRINT_VALUE(EVUTIL_AI_V4MAPPED);
  PRINT_VALUE(EVUTIL_AI_ALL);
  PRINT_VALUE(EVUTIL_AI_ADDRCONFIG);
  PRINT_VALUE(EVENT__NUMERIC_VERSION);
  PRINT_VALUE(EVENT__SIZEOF_SHORT);
  PRINT_VALUE(EVENT__SIZEOF_INT);
  PRINT_VALUE(EVENT__SIZEOF_LONG);
  PRINT_VALUE(EVENT__SIZEOF_LONG_LONG);
  PRINT_VALUE(EVENT__SIZEOF_SIZE_T);
  PRINT_VALUE(EVENT__SIZEOF_VOID_P);
  PRINT_VALUE(EVENT__SIZEOF_OFF_T);
  PRINT_VALUE(EVENT__SIZEOF_TIME_T);
  PRINT_VALUE(EVENT__SIZEOF_PTHREAD_T);
  PRINT_STRING(EVENT__VERSION);
  PRINT_STRING(EVENT__PACKAGE);
  PRINT_STRING(EVENT__PACKAGE_STRING);
  PRINT_STRING(EVENT__PACKAGE_VERSION);
}

static void print_macros(void) {
  PRINT_MACRO(evtimer_assign(e, b, c, a));
  PRINT_MACRO(evtimer_new(b, c, a));
  PRINT_MACRO(evtimer_add(e, t));
  PRINT_MACRO(evtimer_del(e));
  PRINT_MACRO(evtimer_pending(e, t));
  PRINT_MACRO(evtimer_initialized(e));
  PRINT_MACRO(evtimer_set(e, c, a));
  PRINT_MACRO(evsignal_add(e, t));
  PRINT_MACRO(evsignal_assign(e, b, x, c, a));
  PRINT_MACRO(evsignal_new(b, x, c, a));
  PRINT_MACRO(evsignal_del(e));
  PRINT_MACRO(evsignal_pending(e, t));
  PRINT_MACRO(evsignal_initialized(e));
  PRINT_MACRO(evsignal_set(e, x, c, a));
  PRINT_MACRO(evuser_new(b, c, a));
  PRINT_MACRO(evuser_del(e));
  PRINT_MACRO(evuser_pending(e, t));
  PRINT_MACRO(evuser_initialized(e));
  PRINT_MACRO(evuser_trigger(e));
  PRINT_MACRO(event_get_signal(e));
  PRINT_MACRO(timeout_add(e, t));
  PRINT_MACRO(timeout_set(e, c, a));
  PRINT_MACRO(timeout_del(e));
  PRINT_MACRO(timeout_pending(e, t));
  PRINT_MACRO(timeout_initialized(e));
  PRINT_MACRO(signal_add(e, t));
  PRINT_MACRO(signal_set(e, x, c, a));
  PRINT_MACRO(signal_del(e));
  PRINT_MACRO(signal_pending(e, t));
  PRINT_MACRO(signal_initialized(e));
  PRINT_MACRO(EVENT_FD(e));
  PRINT_MACRO(EVENT_SIGNAL(e));
  PRINT_MACRO(EVBUFFER_LENGTH(x));
  PRINT_MACRO(EVBUFFER_DATA(x));
  PRINT_MACRO(EVBUFFER_INPUT(x));
  PRINT_MACRO(EVBUFFER_OUTPUT(x));
  PRINT_MACRO(evbuffercb);
  PRINT_MACRO(everrorcb);
  PRINT_MACRO(evutil_addrinfo);
  PRINT_MACRO(evbuffer_iovec);
  PRINT_MACRO(EVUTIL_CLOSESOCKET(s));
  PRINT_MACRO(evutil_gettimeofday(t, z));
  PRINT_MACRO(evutil_socket_error_to_string(e));
}

// Macros that are worded differently but must do the same.
static void print_time_arithmetic(void) {
  static const struct timeval samples[] = {
      {0, 0}, {0, 1}, {1, 0}, {1, 999999}, {2, 500000}, {1000000000, 999999}};
  const int count = (int)(sizeof(samples) / sizeof(samples[0]));
  for (int i = 0; i < count; ++i) {
    for (int j = 0; j < count; ++j) {
      const struct timeval *a = &samples[i];
      const struct timeval *b = &samples[j];
      struct timeval sum, difference;
      evutil_timeradd(a, b, &sum);
      evutil_timersub(a, b, &difference);
      printf("time %d %d: %ld.%06ld %ld.%06ld", i, j, (long)sum.tv_sec,
             (long)sum.tv_usec, (long)difference.tv_sec,
             (long)difference.tv_usec);
      printf(" %d%d%d%d%d%d %d", evutil_timercmp(a, b, ==),
             evutil_timercmp(a, b, !=), evutil_timercmp(a, b, <),
             evutil_timercmp(a, b, <=), evutil_timercmp(a, b, >),
             evutil_timercmp(a, b, >=), !!evutil_timerisset(&sum));
      evutil_timerclear(&sum);
      printf(" %d\n", !!evutil_timerisset(&sum));
    }
  }
  EVUTIL_SET_SOCKET_ERROR(EPIPE);
  printf("error %d %d %s\n", EVUTIL_SOCKET_ERROR() == EPIPE,
         evutil_socket_geterror(3) == EPIPE,
         evutil_socket_error_to_string(EPIPE));
  printf("offset %d\n", evutil_offsetof(struct evkeyval, key) ==
                            offsetof(struct evkeyval, key));
}

int main(void) {
  print_events();
  print_buffers();
  print_types();
  print_event_constants();
  print_buffer_constants();
  print_util_constants();
  print_macros();
  print_time_arithmetic();
  return 0;
}
