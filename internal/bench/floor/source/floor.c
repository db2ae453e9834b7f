/*
 * The floor in C: one thread reads one RTMP publisher and passes each message on to all outputs, at once or collected.
 *
 *   floor PORT SINKPORT OUTPUTS COLLECT_MS ANSWERS OPENING
 *
 * ANSWERS and OPENING are files with all that is said to the publisher, and to each sink before the media. The publisher sends every
 * message with a whole header (Adobe RTMP 5.3.1.2.1) and in chunks of the size that it announced.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { HANDSHAKE = 1 + 2 * 1536, HEADER = 12, ROOM = 16 << 20 };

static unsigned char in[ROOM], held[ROOM];

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static void write_all(int fd, const unsigned char *b, size_t n)
{
	while (n > 0) {
		ssize_t k = write(fd, b, n);
		if (k < 0 && errno == EINTR)
			continue;
		must(k > 0, "write");
		b += k;
		n -= k;
	}
}

static void write_file(int fd, const char *name)
{
	static unsigned char b[1 << 16];
	FILE *f = fopen(name, "rb");
	must(f != NULL, name);
	size_t n = fread(b, 1, sizeof b, f);
	fclose(f);
	write_all(fd, b, n);
}

static struct sockaddr_in loopback(const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

/* The length of the message at b with its headers, or 0 where not all of it is there. */
static size_t whole(const unsigned char *b, size_t n, size_t chunk)
{
	if (n < HEADER)
		return 0;
	size_t length = b[4] << 16 | b[5] << 8 | b[6];
	size_t all = HEADER + length + (length ? (length - 1) / chunk : 0);
	return all <= n ? all : 0;
}

int main(int argc, char **argv)
{
	if (argc != 7) {
		fprintf(stderr, "usage: floor PORT SINKPORT OUTPUTS COLLECT_MS ANSWERS OPENING\n");
		return 2;
	}
	int outputs = atoi(argv[3]), one = 1;
	int64_t collect = atoll(argv[4]) * 1000000, due = 0;
	struct sockaddr_in here = loopback(argv[1]), there = loopback(argv[2]);

	int listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	must(bind(listener, (struct sockaddr *)&here, sizeof here) == 0 && listen(listener, 16) == 0, "listen");
	int publisher;
	for (;;) {
		publisher = accept(listener, NULL, NULL);
		must(publisher >= 0, "accept");
		if (recv(publisher, in, 1, MSG_PEEK) == 1)
			break;
		close(publisher); /* somebody looked whether we listen */
	}
	write_file(publisher, argv[5]);

	int *fds = calloc(outputs + 1, sizeof *fds);
	for (int i = 0; i < outputs; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
		must(connect(fds[i], (struct sockaddr *)&there, sizeof there) == 0, "connect");
		setsockopt(fds[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		write_file(fds[i], argv[6]);
	}

	size_t have = 0, skip = HANDSHAKE, chunk = 128, keep = 0;
	for (;;) {
		if (keep > 0) {
			struct pollfd p = { .fd = publisher, .events = POLLIN };
			int64_t left = due - now();
			struct timespec t = { left / 1000000000, left % 1000000000 };
			if (left <= 0 || ppoll(&p, 1, &t, NULL) == 0) {
				for (int i = 0; i < outputs; i++)
					write_all(fds[i], held, keep);
				keep = 0;
				continue;
			}
		}
		ssize_t k = read(publisher, in + have, ROOM - have);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return 0;
		have += k;
		size_t at = 0, n;
		if (skip > 0) {
			if (have < skip)
				continue;
			at = skip;
			skip = 0;
		}
		for (; (n = whole(in + at, have - at, chunk)) > 0; at += n) {
			switch (in[at + 7]) {
			case 1: /* set chunk size */
				chunk = (size_t)in[at + 12] << 24 | in[at + 13] << 16 | in[at + 14] << 8 | in[at + 15];
				break;
			case 8: case 9: case 18: /* sound, picture, data */
				if (collect == 0) {
					for (int i = 0; i < outputs; i++)
						write_all(fds[i], in + at, n);
					break;
				}
				must(keep + n <= ROOM, "collect");
				if (keep == 0)
					due = now() + collect;
				memcpy(held + keep, in + at, n);
				keep += n;
			}
		}
		memmove(in, in + at, have - at);
		have -= at;
	}
}
