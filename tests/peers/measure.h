// What the comparators measure themselves with, as `millrace bench stage` does, and how they end when something goes wrong.
#ifndef MILLRACE_TESTS_PEERS_MEASURE_H_
#define MILLRACE_TESTS_PEERS_MEASURE_H_

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static inline void Die(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  exit(1);
}

// Seconds of a clock that only goes forward.
static inline double Now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

// Processor seconds of this process.
static inline double Cpu(void) {
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + 1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static inline void PrintMeasured(double elapsed, double cpu, long messages) {
  printf("elapsed_s=%.3f cpu_s=%.3f messages_per_second=%.0f\n", elapsed, cpu, (double)messages / elapsed);
}

#endif  // MILLRACE_TESTS_PEERS_MEASURE_H_
