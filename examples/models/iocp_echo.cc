// SPDX-License-Identifier: BSD-3-Clause
//
// Completion ports: one loop on Windows.
//
// Idea: not "it is readable, read it" but "read it, and tell me when you have".
// Each operation (AcceptEx, WSARecv, WSASend) is started with an OVERLAPPED and
// a buffer, which are the system's until it completes; what completes comes out
// of the port, with the number of bytes and the OVERLAPPED, which is how one
// finds the connection again. A connection here has one operation under way at
// any time: so one OVERLAPPED is enough, and a client that does not read is not
// read from.
// Right when: it is Windows. Several threads may take from one port, and the
// system keeps as many of them running as there are processors.
// Breaks when: an OVERLAPPED or a buffer is freed before its completion came,
// and with very many idle connections, each of which has its buffer lent out
// already. There is no SIGTERM on Windows: Ctrl-C and Ctrl-Break end it.
// Who: IIS, SQL Server; libuv and Asio on Windows; io_uring is its heir.
#include <winsock2.h>
// What else is Windows' comes after it.
#include <fcntl.h>
#include <io.h>
#include <mswsock.h>
#include <windows.h>

#include "model.h"

namespace {

// AcceptEx writes both addresses, each with room for 16 bytes more.
constexpr DWORD kAddressBytes = sizeof(sockaddr_in) + 16;

enum class Operation { kAccept, kReceive, kSend };

struct Client {
  OVERLAPPED overlapped = {};  // the first member: one finds the client by it
  Operation operation = Operation::kAccept;
  SOCKET socket = INVALID_SOCKET;
  DWORD begin = 0, end = 0;  // what of `bytes` is still to be sent
  char bytes[MODEL_BUFFER_BYTES];
};

model_options options;
model_stats stats;
HANDLE port;
SOCKET listener;

[[noreturn]] void Die(const char* what) {
  fprintf(stderr, "%s: error %d\n", what, WSAGetLastError());
  exit(1);
}

SOCKET NewSocket() {
  return WSASocketW(AF_INET, SOCK_STREAM, 0, nullptr, 0, WSA_FLAG_OVERLAPPED);
}

void Close(Client* client) {
  closesocket(client->socket);
  delete client;
}

// An operation that was started, or whose result is already on its way: in both
// cases the completion comes through the port. Otherwise the connection is
// over.
void Started(Client* client, bool done) {
  if (!done && WSAGetLastError() != WSA_IO_PENDING) Close(client);
}

void Receive(Client* client) {
  WSABUF room = {sizeof(client->bytes), client->bytes};
  DWORD flags = 0;
  client->operation = Operation::kReceive;
  client->overlapped = {};
  Started(client, WSARecv(client->socket, &room, 1, nullptr, &flags,
                          &client->overlapped, nullptr) == 0);
}

void Send(Client* client) {
  WSABUF rest = {client->end - client->begin, client->bytes + client->begin};
  client->operation = Operation::kSend;
  client->overlapped = {};
  Started(client, WSASend(client->socket, &rest, 1, nullptr, 0,
                          &client->overlapped, nullptr) == 0);
}

// The socket of the next connection is made before there is one.
void Accept() {
  auto* client = new Client;
  client->socket = NewSocket();
  if (client->socket == INVALID_SOCKET) Die("WSASocket");
  DWORD got;
  if (!AcceptEx(listener, client->socket, client->bytes, 0, kAddressBytes,
                kAddressBytes, &got, &client->overlapped) &&
      WSAGetLastError() != WSA_IO_PENDING) {
    Die("AcceptEx");
  }
}

void OnAccepted(Client* client, bool well) {
  Accept();
  // Only then is it a connected socket for shutdown(), getpeername() and so on.
  if (!well ||
      setsockopt(client->socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                 reinterpret_cast<char*>(&listener), sizeof(listener)) != 0 ||
      CreateIoCompletionPort(reinterpret_cast<HANDLE>(client->socket), port, 0,
                             0) == nullptr) {
    Close(client);
    return;
  }
  ++stats.connections;
  Receive(client);
}

void OnReceived(Client* client, DWORD got) {
  ++stats.messages;
  stats.bytes += got;
  if (options.print) {
    model_print(client->bytes, got);
    Receive(client);
    return;
  }
  client->begin = 0;
  client->end = got;
  Send(client);
}

// What came out of the port; `well` is false when the operation failed.
void OnCompleted(Client* client, DWORD bytes, bool well) {
  if (client->operation == Operation::kAccept) {
    OnAccepted(client, well);
  } else if (!well || bytes == 0) {
    Close(client);  // broken, or the client has closed its end
  } else if (client->operation == Operation::kReceive) {
    OnReceived(client, bytes);
  } else {
    client->begin += bytes;
    client->begin < client->end ? Send(client) : Receive(client);
  }
}

// Called in a thread of the system's; a completion of ours, without OVERLAPPED,
// ends the loop.
BOOL WINAPI OnConsole(DWORD) {
  PostQueuedCompletionStatus(port, 0, 0, nullptr);
  return TRUE;
}

void Listen() {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<unsigned short>(options.port));
  listener = NewSocket();
  if (listener == INVALID_SOCKET ||
      bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
          0 ||
      listen(listener, SOMAXCONN) != 0 ||
      CreateIoCompletionPort(reinterpret_cast<HANDLE>(listener), port, 0, 0) ==
          nullptr) {
    Die("bind");
  }
  model_print_port(static_cast<int>(listener));
}

}  // namespace

int main(int argc, char** argv) {
  WSADATA data;
  _setmode(_fileno(stdout), _O_BINARY);  // a line's end is one byte
  _setmode(_fileno(stderr), _O_BINARY);
  options = model_parse(argc, argv);
  if (WSAStartup(MAKEWORD(2, 2), &data) != 0) Die("WSAStartup");
  port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
  if (port == nullptr) Die("CreateIoCompletionPort");
  SetConsoleCtrlHandler(OnConsole, TRUE);
  Listen();
  Accept();
  for (;;) {
    DWORD bytes = 0;
    ULONG_PTR key;
    OVERLAPPED* overlapped = nullptr;
    BOOL well =
        GetQueuedCompletionStatus(port, &bytes, &key, &overlapped, INFINITE);
    if (overlapped == nullptr) break;
    OnCompleted(reinterpret_cast<Client*>(overlapped), bytes, well);
  }
  // The clients' buffers are still lent to the system: the end of the process
  // takes both back.
  closesocket(listener);
  WSACleanup();
  model_end(&options, &stats);
  return 0;
}
