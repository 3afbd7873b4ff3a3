// What the machine allows: plain-server receive|send FILE. Prints the port it listens on, serves one connection at a
// time, and ends with its input.
// receive: takes frames (a length, then that many bytes), writes them to the file, answers each with four bytes of
// length and four of nothing. send: takes frames of an offset and a size, answers with a length and that much of the file.
#include <arpa/inet.h>
#include <endian.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BUFFER (4 << 20)

static void die(const char *what) {
  perror(what);
  exit(1);
}

static int read_all(int from, char *into, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t count = recv(from, into + done, size - done, 0);
    if (count <= 0) return 0;
    done += count;
  }
  return 1;
}

static int write_all(int to, const char *from, size_t size) {
  for (size_t done = 0; done < size;) {
    ssize_t count = send(to, from + done, size - done, MSG_NOSIGNAL);
    if (count <= 0) return 0;
    done += count;
  }
  return 1;
}

static void serve_receive(int client, int file, char *buffer, off_t *end) {
  const uint32_t answer[2] = {htonl(4), 0};
  uint32_t length;
  while (read_all(client, (char *)&length, sizeof length)) {
    for (size_t left = ntohl(length); left > 0;) {
      ssize_t count = recv(client, buffer, left < BUFFER ? left : BUFFER, 0);
      if (count <= 0) return;
      if (pwrite(file, buffer, count, *end) != count) die("pwrite");
      *end += count;
      left -= count;
    }
    if (!write_all(client, (const char *)answer, sizeof answer)) return;
  }
}

static void serve_send(int client, int file, char *buffer) {
  struct {
    uint32_t length;
    uint32_t size;
    uint64_t offset;
  } request;
  while (read_all(client, (char *)&request, sizeof request)) {
    uint32_t size = ntohl(request.size);
    if (size > BUFFER - 4) die("the size");
    memcpy(buffer, &request.size, 4);
    if (pread(file, buffer + 4, size, be64toh(request.offset)) != (ssize_t)size) die("pread");
    if (!write_all(client, buffer, size + 4)) return;
  }
}

int main(int count, char **arguments) {
  if (count != 3) die("usage: plain-server receive|send FILE");
  int receives = strcmp(arguments[1], "receive") == 0;
  int file = open(arguments[2], O_RDWR | O_CREAT, 0600);
  if (file < 0) die("open");
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (struct sockaddr *)&address, size) != 0 || listen(listener, 1) != 0) die("listen");
  if (getsockname(listener, (struct sockaddr *)&address, &size) != 0) die("getsockname");
  printf("%d\n", ntohs(address.sin_port));
  fflush(stdout);

  char *buffer = malloc(BUFFER);
  off_t end = 0;
  struct pollfd waiting[2] = {{.fd = listener, .events = POLLIN}, {.fd = STDIN_FILENO, .events = POLLIN}};
  while (poll(waiting, 2, -1) > 0) {
    if (waiting[1].revents != 0) return 0;
    int client = accept(listener, NULL, NULL);
    if (client < 0) die("accept");
    int on = 1;
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (receives) serve_receive(client, file, buffer, &end);
    else serve_send(client, file, buffer);
    close(client);
  }
  return 0;
}
