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
#include "winsock.h"

namespace {

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
  StartAccept(listener, client->socket, client->bytes, &client->overlapped);
}

void OnAccepted(Client* client, bool well) {
  Accept();
  // Only then is it a connected socket for shutdown(), getpeername() and so on.
  if (!well ||
      setsockopt(client->socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT,
                 reinterpret_cast<char*>(&listener), sizeof(listener)) != 0 ||
      !Join(port, client->socket)) {
    Close(client);
    return;
  }
  ++stats.connections;
  Receive(client);
}

void OnReceived(Client* client, DWORD got) {
  model_count(&stats, static_cast<ssize_t>(got));
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

}  // namespace

int main(int argc, char** argv) {
  options = model_parse(argc, argv);
  StartWinsock();
  port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
  if (port == nullptr) Die("CreateIoCompletionPort");
  SetConsoleCtrlHandler(OnConsole, TRUE);
  listener = Listen(options.port);
  if (!Join(port, listener)) Die("CreateIoCompletionPort");
  model_print_port(static_cast<int>(listener));
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
