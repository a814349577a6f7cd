/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What iocp_echo.cc needs of Windows' sockets before its idea begins: starting
 * them, a listening one, and an end with words. C++; one file of a program
 * includes it, before all other headers.
 */
#ifndef EVOKE_EXAMPLES_MODELS_WINSOCK_H_
#define EVOKE_EXAMPLES_MODELS_WINSOCK_H_

#include <winsock2.h>
// What else is Windows' comes after it.
#include <fcntl.h>
#include <io.h>
#include <mswsock.h>
#include <windows.h>

#include "model.h"

[[noreturn]] inline void Die(const char* what) {
  fprintf(stderr, "%s: error %d\n", what, WSAGetLastError());
  exit(1);
}

// Before anything else of sockets.
inline void StartWinsock() {
  WSADATA data;
  _setmode(_fileno(stdout), _O_BINARY);  // a line's end is one byte
  _setmode(_fileno(stderr), _O_BINARY);
  if (WSAStartup(MAKEWORD(2, 2), &data) != 0) Die("WSAStartup");
}

// One whose operations may be waited for at a port.
inline SOCKET NewSocket() {
  SOCKET socket =
      WSASocketW(AF_INET, SOCK_STREAM, 0, nullptr, 0, WSA_FLAG_OVERLAPPED);
  if (socket == INVALID_SOCKET) Die("WSASocket");
  return socket;
}

// One that listens at 127.0.0.1; 0 is any free port.
inline SOCKET Listen(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<unsigned short>(port));
  SOCKET socket = NewSocket();
  if (bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
          0 ||
      listen(socket, SOMAXCONN) != 0) {
    Die("bind");
  }
  return socket;
}

// What completes of this socket comes out of `port`.
inline bool Join(HANDLE port, SOCKET socket) {
  return CreateIoCompletionPort(reinterpret_cast<HANDLE>(socket), port, 0, 0) !=
         nullptr;
}

// Makes `socket` the next connection, when there is one. Both addresses are
// then in `bytes`, each with room for 16 bytes more, as AcceptEx wants it.
inline void StartAccept(SOCKET listener, SOCKET socket, char* bytes,
                        OVERLAPPED* overlapped) {
  constexpr DWORD kAddressBytes = sizeof(sockaddr_in) + 16;
  DWORD got;
  if (!AcceptEx(listener, socket, bytes, 0, kAddressBytes, kAddressBytes, &got,
                overlapped) &&
      WSAGetLastError() != WSA_IO_PENDING) {
    Die("AcceptEx");
  }
}

#endif  // EVOKE_EXAMPLES_MODELS_WINSOCK_H_
