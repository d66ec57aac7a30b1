/* test_load_report.c - what load generators printed, as they printed it, and the figures in it. */
#include <criterion/criterion.h>

#include "load_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT_OF(array) (sizeof(array) / sizeof(array)[0])

struct sample {
    const char *tool;
    const char *text;
    double requests, seconds, rate, errors;
    const char *latencies;                 /* "mean 58860, max 1770000", in ns */
};

static bool is_near(double a, double b)
{
    return (isnan(a) && isnan(b)) || fabs(a - b) <= 1e-9 * fabs(b);
}

static void latencies_write(char *text, size_t size, const struct load_report *report)
{
    text[0] = '\0';
    for (size_t i = 0, len = 0; i < report->latency_count && len < size; i++) {
        const char *key = report->latencies[i].key;
        cr_expect(strncmp(key, "latency_", 8) == 0, "%s", key);
        len += (size_t)snprintf(text + len, size - len, "%s%s %.0f", i > 0 ? ", " : "", key + 8, report->latencies[i].ns);
    }
}

static void sample_expect(const struct sample *sample, size_t row)
{
    struct load_report report;
    char latencies[256];
    const char *missing = load_report_read(sample->text, &report);
    cr_expect_eq(missing == NULL, !isnan(sample->rate), "row %zu: %s", row, missing);
    cr_expect_str_eq(report.tool, sample->tool, "row %zu: %s", row, report.tool);
    cr_expect(is_near(report.requests, sample->requests), "row %zu: %g requests", row, report.requests);
    cr_expect(is_near(report.seconds, sample->seconds), "row %zu: %g seconds", row, report.seconds);
    cr_expect(is_near(report.rate, sample->rate), "row %zu: %.9f a second", row, report.rate);
    cr_expect(is_near(report.errors, sample->errors), "row %zu: %g errors", row, report.errors);
    latencies_write(latencies, sizeof latencies, &report);
    cr_expect_str_eq(latencies, sample->latencies, "row %zu: %s", row, latencies);
}

static const struct sample captured[] = {
    {   /* ab -r -q -n 100 -c 2, of a server that accepts and closes */
        "ab",
        "This is ApacheBench, Version 2.3 <$Revision$>\n"
        "Benchmarking 127.0.0.1 (be patient).....done\n"
        "Document Length:        0 bytes\n"
        "Concurrency Level:      2\n"
        "Time taken for tests:   0.007 seconds\n"
        "Complete requests:      100\n"
        "Failed requests:        200\n"
        "   (Connect: 0, Receive: 100, Length: 0, Exceptions: 100)\n"
        "Total transferred:      0 bytes\n"
        "HTML transferred:       0 bytes\n"
        "Requests per second:    13390.47 [#/sec] (mean)\n"
        "Time per request:       0.149 [ms] (mean)\n"
        "Time per request:       0.075 [ms] (mean, across all concurrent requests)\n",
        0, 0.007, 13390.47, 200,
        "mean 149000",
    },
    {   /* wrk -t1 -c2 -d1 */
        "wrk",
        "Running 1s test @ http://127.0.0.1:8080/\n"
        "  1 threads and 2 connections\n"
        "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
        "    Latency    58.86us   52.42us   1.77ms   99.07%\n"
        "    Req/Sec    31.50k     1.07k   34.13k    81.82%\n"
        "  34457 requests in 1.10s, 7.89MB read\n"
        "Requests/sec:  31336.20\n"
        "Transfer/sec:      7.17MB\n",
        34457, 1.1, 31336.2, 0,
        "mean 58860, max 1770000",
    },
    {   /* wrk --latency -t2 -c10 -d2 */
        "wrk",
        "Running 2s test @ http://127.0.0.1:8080/\n"
        "  2 threads and 10 connections\n"
        "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
        "    Latency   189.11us  311.79us   4.33ms   96.45%\n"
        "    Req/Sec    34.03k     5.12k   37.67k    85.00%\n"
        "  Latency Distribution\n"
        "     50%  134.00us\n"
        "     75%  147.00us\n"
        "     90%  190.00us\n"
        "     99%    1.92ms\n"
        "  135299 requests in 2.00s, 30.97MB read\n"
        "Requests/sec:  67600.12\n"
        "Transfer/sec:     15.47MB\n",
        135299, 2, 67600.12, 0,
        "mean 189110, p50 134000, p75 147000, p90 190000, p99 1920000, max 4330000",
    },
    {   /* one answer in eight is 503, one connection in sixteen is closed instead */
        "wrk",
        "Running 1s test @ http://127.0.0.1:8080/mix\n"
        "  1 threads and 4 connections\n"
        "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
        "    Latency    41.90us   57.62us   1.83ms   98.53%\n"
        "    Req/Sec    82.14k     3.02k   85.26k    63.64%\n"
        "  Latency Distribution\n"
        "     50%   31.00us\n"
        "     75%   45.00us\n"
        "     90%   62.00us\n"
        "     99%  112.00us\n"
        "  89617 requests in 1.10s, 15.51MB read\n"
        "  Socket errors: connect 0, read 5916, write 0, timeout 0\n"
        "  Non-2xx or 3xx responses: 11902\n"
        "Requests/sec:  81535.90\n"
        "Transfer/sec:     14.11MB\n",
        89617, 1.1, 81535.9, 5916 + 11902,
        "mean 41900, p50 31000, p75 45000, p90 62000, p99 112000, max 1830000",
    },
    {   /* ab -n 2000 -c 4; the quick answers of this server are 0 ms */
        "ab",
        "This is ApacheBench, Version 2.3 <$Revision$>\n"
        "Copyright 1996 Adam Twiss, Zeus Technology Ltd, http://www.zeustech.net/\n"
        "Licensed to The Apache Software Foundation, http://www.apache.org/\n"
        "\n"
        "Benchmarking 127.0.0.1 (be patient)\n"
        "\n"
        "\n"
        "Server Software:        nginx/1.22.1\n"
        "Server Hostname:        127.0.0.1\n"
        "Server Port:            8080\n"
        "\n"
        "Document Path:          /\n"
        "Document Length:        6 bytes\n"
        "\n"
        "Concurrency Level:      4\n"
        "Time taken for tests:   0.095 seconds\n"
        "Complete requests:      2000\n"
        "Failed requests:        0\n"
        "Total transferred:      470000 bytes\n"
        "HTML transferred:       12000 bytes\n"
        "Requests per second:    21109.07 [#/sec] (mean)\n"
        "Time per request:       0.189 [ms] (mean)\n"
        "Time per request:       0.047 [ms] (mean, across all concurrent requests)\n"
        "Transfer rate:          4844.37 [Kbytes/sec] received\n"
        "\n"
        "Connection Times (ms)\n"
        "              min  mean[+/-sd] median   max\n"
        "Connect:        0    0   0.0      0       0\n"
        "Processing:     0    0   0.0      0       0\n"
        "Waiting:        0    0   0.0      0       0\n"
        "Total:          0    0   0.0      0       0\n"
        "\n"
        "Percentage of the requests served within a certain time (ms)\n"
        "  50%      0\n"
        "  66%      0\n"
        "  75%      0\n"
        "  80%      0\n"
        "  90%      0\n"
        "  95%      0\n"
        "  98%      0\n"
        "  99%      0\n"
        " 100%      0 (longest request)\n",
        2000, 0.095, 21109.07, 0,
        "mean 189000, p50 0, p75 0, p90 0, p95 0, p99 0, max 0",
    },
    {   /* all answers are 503, and none failed */
        "ab",
        "This is ApacheBench, Version 2.3 <$Revision$>\n"
        "Copyright 1996 Adam Twiss, Zeus Technology Ltd, http://www.zeustech.net/\n"
        "Licensed to The Apache Software Foundation, http://www.apache.org/\n"
        "\n"
        "Benchmarking 127.0.0.1 (be patient)\n"
        "\n"
        "\n"
        "Server Software:        nginx/1.22.1\n"
        "Server Hostname:        127.0.0.1\n"
        "Server Port:            8080\n"
        "\n"
        "Document Path:          /bad\n"
        "Document Length:        197 bytes\n"
        "\n"
        "Concurrency Level:      4\n"
        "Time taken for tests:   0.016 seconds\n"
        "Complete requests:      2000\n"
        "Failed requests:        0\n"
        "Non-2xx responses:      2000\n"
        "Keep-Alive requests:    2000\n"
        "Total transferred:      748000 bytes\n"
        "HTML transferred:       394000 bytes\n"
        "Requests per second:    126286.54 [#/sec] (mean)\n"
        "Time per request:       0.032 [ms] (mean)\n"
        "Time per request:       0.008 [ms] (mean, across all concurrent requests)\n"
        "Transfer rate:          46124.19 [Kbytes/sec] received\n"
        "\n"
        "Connection Times (ms)\n"
        "              min  mean[+/-sd] median   max\n"
        "Connect:        0    0   0.0      0       0\n"
        "Processing:     0    0   0.0      0       0\n"
        "Waiting:        0    0   0.0      0       0\n"
        "Total:          0    0   0.0      0       0\n"
        "\n"
        "Percentage of the requests served within a certain time (ms)\n"
        "  50%      0\n"
        "  66%      0\n"
        "  75%      0\n"
        "  80%      0\n"
        "  90%      0\n"
        "  95%      0\n"
        "  98%      0\n"
        "  99%      0\n"
        " 100%      0 (longest request)\n",
        2000, 0.016, 126286.54, 2000,
        "mean 32000, p50 0, p75 0, p90 0, p95 0, p99 0, max 0",
    },
    {   /* the 253 are among the 388, being longer than the first */
        "ab",
        "This is ApacheBench, Version 2.3 <$Revision$>\n"
        "Copyright 1996 Adam Twiss, Zeus Technology Ltd, http://www.zeustech.net/\n"
        "Licensed to The Apache Software Foundation, http://www.apache.org/\n"
        "\n"
        "Benchmarking 127.0.0.1 (be patient)\n"
        "\n"
        "\n"
        "Server Software:        nginx/1.22.1\n"
        "Server Hostname:        127.0.0.1\n"
        "Server Port:            8080\n"
        "\n"
        "Document Path:          /mix\n"
        "Document Length:        5 bytes\n"
        "\n"
        "Concurrency Level:      4\n"
        "Time taken for tests:   0.098 seconds\n"
        "Complete requests:      2000\n"
        "Failed requests:        388\n"
        "   (Connect: 0, Receive: 0, Length: 388, Exceptions: 0)\n"
        "Non-2xx responses:      253\n"
        "Total transferred:      330321 bytes\n"
        "HTML transferred:       57901 bytes\n"
        "Requests per second:    20357.06 [#/sec] (mean)\n"
        "Time per request:       0.196 [ms] (mean)\n"
        "Time per request:       0.049 [ms] (mean, across all concurrent requests)\n"
        "Transfer rate:          3283.38 [Kbytes/sec] received\n"
        "\n"
        "Connection Times (ms)\n"
        "              min  mean[+/-sd] median   max\n"
        "Connect:        0    0   0.0      0       1\n"
        "Processing:     0    0   0.0      0       1\n"
        "Waiting:        0    0   0.0      0       1\n"
        "Total:          0    0   0.0      0       1\n"
        "\n"
        "Percentage of the requests served within a certain time (ms)\n"
        "  50%      0\n"
        "  66%      0\n"
        "  75%      0\n"
        "  80%      0\n"
        "  90%      0\n"
        "  95%      0\n"
        "  98%      0\n"
        "  99%      0\n"
        " 100%      1 (longest request)\n",
        2000, 0.098, 20357.06, 388,
        "mean 196000, p50 0, p75 0, p90 0, p95 0, p99 0, max 1000000",
    },
    {   /* hey -n 2000 -c 4 */
        "hey",
        "\n"
        "Summary:\n"
        "  Total:\t0.0643 secs\n"
        "  Slowest:\t0.0039 secs\n"
        "  Fastest:\t0.0000 secs\n"
        "  Average:\t0.0001 secs\n"
        "  Requests/sec:\t31093.3285\n"
        "  \n"
        "  Total data:\t12000 bytes\n"
        "  Size/request:\t6 bytes\n"
        "\n"
        "Response time histogram:\n"
        "  0.000 [1]\t|\n"
        "  0.000 [1968]\t|■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■\n"
        "  0.001 [20]\t|\n"
        "  0.001 [5]\t|\n"
        "  0.002 [2]\t|\n"
        "  0.002 [0]\t|\n"
        "  0.002 [0]\t|\n"
        "  0.003 [0]\t|\n"
        "  0.003 [2]\t|\n"
        "  0.004 [1]\t|\n"
        "  0.004 [1]\t|\n"
        "\n"
        "\n"
        "Latency distribution:\n"
        "  10% in 0.0001 secs\n"
        "  25% in 0.0001 secs\n"
        "  50% in 0.0001 secs\n"
        "  75% in 0.0001 secs\n"
        "  90% in 0.0002 secs\n"
        "  95% in 0.0003 secs\n"
        "  99% in 0.0005 secs\n"
        "\n"
        "Details (average, fastest, slowest):\n"
        "  DNS+dialup:\t0.0000 secs, 0.0000 secs, 0.0039 secs\n"
        "  DNS-lookup:\t0.0000 secs, 0.0000 secs, 0.0000 secs\n"
        "  req write:\t0.0000 secs, 0.0000 secs, 0.0003 secs\n"
        "  resp wait:\t0.0001 secs, 0.0000 secs, 0.0032 secs\n"
        "  resp read:\t0.0000 secs, 0.0000 secs, 0.0037 secs\n"
        "\n"
        "Status code distribution:\n"
        "  [200]\t2000 responses\n"
        "\n"
        "\n"
        "\n",
        2000, 0.0643, 31093.3285, 0,
        "mean 100000, p50 100000, p75 100000, p90 200000, p95 300000, p99 500000, max 3900000",
    },
    {   /* errors of both kinds */
        "hey",
        "\n"
        "Summary:\n"
        "  Total:\t0.0828 secs\n"
        "  Slowest:\t0.0047 secs\n"
        "  Fastest:\t0.0000 secs\n"
        "  Average:\t0.0001 secs\n"
        "  Requests/sec:\t24160.6354\n"
        "  \n"
        "  Total data:\t58157 bytes\n"
        "  Size/request:\t29 bytes\n"
        "\n"
        "Response time histogram:\n"
        "  0.000 [1]\t|\n"
        "  0.001 [1944]\t|■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■■\n"
        "  0.001 [34]\t|■\n"
        "  0.001 [7]\t|\n"
        "  0.002 [1]\t|\n"
        "  0.002 [1]\t|\n"
        "  0.003 [0]\t|\n"
        "  0.003 [1]\t|\n"
        "  0.004 [2]\t|\n"
        "  0.004 [1]\t|\n"
        "  0.005 [1]\t|\n"
        "\n"
        "\n"
        "Latency distribution:\n"
        "  10% in 0.0001 secs\n"
        "  25% in 0.0001 secs\n"
        "  50% in 0.0001 secs\n"
        "  75% in 0.0002 secs\n"
        "  90% in 0.0003 secs\n"
        "  95% in 0.0004 secs\n"
        "  99% in 0.0008 secs\n"
        "\n"
        "Details (average, fastest, slowest):\n"
        "  DNS+dialup:\t0.0000 secs, 0.0000 secs, 0.0047 secs\n"
        "  DNS-lookup:\t0.0000 secs, 0.0000 secs, 0.0000 secs\n"
        "  req write:\t0.0000 secs, 0.0000 secs, 0.0012 secs\n"
        "  resp wait:\t0.0001 secs, 0.0000 secs, 0.0033 secs\n"
        "  resp read:\t0.0000 secs, 0.0000 secs, 0.0020 secs\n"
        "\n"
        "Status code distribution:\n"
        "  [200]\t1742 responses\n"
        "  [503]\t251 responses\n"
        "\n"
        "Error distribution:\n"
        "  [7]\tGet \"http://127.0.0.1:8080/mix\": EOF\n"
        "\n",
        1742 + 251, 0.0828, 24160.6354, 251 + 7,
        "mean 100000, p50 100000, p75 200000, p90 300000, p95 400000, p99 800000, max 4700000",
    },
    {   /* nobody listens */
        "hey",
        "\n"
        "Summary:\n"
        "  Total:\t0.0009 secs\n"
        "  Slowest:\t0.0000 secs\n"
        "  Fastest:\t0.0000 secs\n"
        "  Average:\t NaN secs\n"
        "  Requests/sec:\t21152.7844\n"
        "  \n"
        "\n"
        "Response time histogram:\n"
        "\n"
        "\n"
        "Latency distribution:\n"
        "\n"
        "Details (average, fastest, slowest):\n"
        "  DNS+dialup:\t NaN secs, 0.0000 secs, 0.0000 secs\n"
        "  DNS-lookup:\t NaN secs, 0.0000 secs, 0.0000 secs\n"
        "  req write:\t NaN secs, 0.0000 secs, 0.0000 secs\n"
        "  resp wait:\t NaN secs, 0.0000 secs, 0.0000 secs\n"
        "  resp read:\t NaN secs, 0.0000 secs, 0.0000 secs\n"
        "\n"
        "Status code distribution:\n"
        "\n"
        "Error distribution:\n"
        "  [20]\tGet \"http://127.0.0.1:8081/\": dial tcp 127.0.0.1:8081: connect: connection refused\n"
        "\n",
        0, 0.0009, 21152.7844, 20,
        "max 0",
    },
    {   /* redis-benchmark -t set,get -n 20000 */
        "redis-benchmark",
        " \n"
        "SET: rps=0.0 (overall: 0.0) avg_msec=-nan (overall: -nan)\n"
        "                                                          \n"
        "====== SET ======\n"
        "  20000 requests completed in 0.22 seconds\n"
        "  50 parallel clients\n"
        "  3 bytes payload\n"
        "  keep alive: 1\n"
        "  host configuration \"save\": \n"
        "  host configuration \"appendonly\": no\n"
        "  multi-thread: no\n"
        "\n"
        "Latency by percentile distribution:\n"
        "0.000% <= 0.103 milliseconds (cumulative count 2)\n"
        "50.000% <= 0.279 milliseconds (cumulative count 10462)\n"
        "75.000% <= 0.303 milliseconds (cumulative count 16531)\n"
        "87.500% <= 0.311 milliseconds (cumulative count 17630)\n"
        "93.750% <= 0.327 milliseconds (cumulative count 18856)\n"
        "96.875% <= 0.351 milliseconds (cumulative count 19480)\n"
        "98.438% <= 0.391 milliseconds (cumulative count 19715)\n"
        "99.219% <= 0.423 milliseconds (cumulative count 19844)\n"
        "99.609% <= 0.487 milliseconds (cumulative count 19923)\n"
        "99.805% <= 0.535 milliseconds (cumulative count 19961)\n"
        "99.902% <= 0.631 milliseconds (cumulative count 19981)\n"
        "99.951% <= 0.687 milliseconds (cumulative count 19991)\n"
        "99.976% <= 0.711 milliseconds (cumulative count 19997)\n"
        "99.988% <= 0.727 milliseconds (cumulative count 19998)\n"
        "99.994% <= 0.735 milliseconds (cumulative count 20000)\n"
        "100.000% <= 0.735 milliseconds (cumulative count 20000)\n"
        "\n"
        "Cumulative distribution of latencies:\n"
        "0.010% <= 0.103 milliseconds (cumulative count 2)\n"
        "1.135% <= 0.207 milliseconds (cumulative count 227)\n"
        "82.655% <= 0.303 milliseconds (cumulative count 16531)\n"
        "99.000% <= 0.407 milliseconds (cumulative count 19800)\n"
        "99.715% <= 0.503 milliseconds (cumulative count 19943)\n"
        "99.880% <= 0.607 milliseconds (cumulative count 19976)\n"
        "99.975% <= 0.703 milliseconds (cumulative count 19995)\n"
        "100.000% <= 0.807 milliseconds (cumulative count 20000)\n"
        "\n"
        "Summary:\n"
        "  throughput summary: 92165.90 requests per second\n"
        "  latency summary (msec):\n"
        "          avg       min       p50       p95       p99       max\n"
        "        0.280     0.096     0.279     0.335     0.407     0.735\n"
        " \n"
        "GET: rps=12072.0 (overall: 94312.5) avg_msec=0.272 (overall: 0.272)\n"
        "                                                                    \n"
        "====== GET ======\n"
        "  20000 requests completed in 0.21 seconds\n"
        "  50 parallel clients\n"
        "  3 bytes payload\n"
        "  keep alive: 1\n"
        "  host configuration \"save\": \n"
        "  host configuration \"appendonly\": no\n"
        "  multi-thread: no\n"
        "\n"
        "Latency by percentile distribution:\n"
        "0.000% <= 0.071 milliseconds (cumulative count 2)\n"
        "50.000% <= 0.279 milliseconds (cumulative count 11893)\n"
        "75.000% <= 0.295 milliseconds (cumulative count 15684)\n"
        "87.500% <= 0.311 milliseconds (cumulative count 17725)\n"
        "93.750% <= 0.343 milliseconds (cumulative count 18931)\n"
        "96.875% <= 0.391 milliseconds (cumulative count 19401)\n"
        "98.438% <= 0.463 milliseconds (cumulative count 19697)\n"
        "99.219% <= 0.567 milliseconds (cumulative count 19848)\n"
        "99.609% <= 0.695 milliseconds (cumulative count 19925)\n"
        "99.805% <= 0.807 milliseconds (cumulative count 19961)\n"
        "99.902% <= 1.623 milliseconds (cumulative count 19995)\n"
        "99.976% <= 1.631 milliseconds (cumulative count 19999)\n"
        "99.997% <= 1.639 milliseconds (cumulative count 20000)\n"
        "100.000% <= 1.639 milliseconds (cumulative count 20000)\n"
        "\n"
        "Cumulative distribution of latencies:\n"
        "0.035% <= 0.103 milliseconds (cumulative count 7)\n"
        "1.615% <= 0.207 milliseconds (cumulative count 323)\n"
        "84.845% <= 0.303 milliseconds (cumulative count 16969)\n"
        "97.475% <= 0.407 milliseconds (cumulative count 19495)\n"
        "98.825% <= 0.503 milliseconds (cumulative count 19765)\n"
        "99.410% <= 0.607 milliseconds (cumulative count 19882)\n"
        "99.640% <= 0.703 milliseconds (cumulative count 19928)\n"
        "99.805% <= 0.807 milliseconds (cumulative count 19961)\n"
        "99.860% <= 0.903 milliseconds (cumulative count 19972)\n"
        "99.870% <= 1.007 milliseconds (cumulative count 19974)\n"
        "99.875% <= 1.607 milliseconds (cumulative count 19975)\n"
        "100.000% <= 1.703 milliseconds (cumulative count 20000)\n"
        "\n"
        "Summary:\n"
        "  throughput summary: 93896.71 requests per second\n"
        "  latency summary (msec):\n"
        "          avg       min       p50       p95       p99       max\n"
        "        0.281     0.064     0.279     0.351     0.527     1.639\n"
        "\n",
        40000, 0.22 + 0.21, 40000 / (20000 / 92165.90 + 20000 / 93896.71), 0,
        "mean 280500, p50 279000, p95 343000, p99 467000, max 1187000",
    },
    {   /* the same with -q */
        "redis-benchmark",
        " \n"
        "SET: rps=0.0 (overall: -nan) avg_msec=-nan (overall: -nan)\n"
        "                                                           \n"
        "SET: 92592.59 requests per second, p50=0.279 msec\n"
        " \n"
        "GET: rps=11872.5 (overall: 90303.0) avg_msec=0.289 (overall: 0.289)\n"
        "                                                                    \n"
        "GET: 91324.20 requests per second, p50=0.279 msec\n"
        "\n",
        NAN, NAN, 2 / (1 / 92592.59 + 1 / 91324.20), 0,
        "p50 279000",
    },
    {   /* the same with --csv */
        "redis-benchmark",
        "\"test\",\"rps\",\"avg_latency_ms\",\"min_latency_ms\",\"p50_latency_ms\",\"p95_latency_ms\",\"p99_latency_ms\",\"max_latency_ms\"\n"
        "\"SET\",\"92165.90\",\"0.280\",\"0.064\",\"0.279\",\"0.327\",\"0.391\",\"1.511\"\n"
        "\"GET\",\"93896.71\",\"0.275\",\"0.080\",\"0.271\",\"0.335\",\"0.447\",\"0.919\"\n",
        NAN, NAN, 2 / (1 / 92165.90 + 1 / 93896.71), 0,
        "mean 277500, p50 275000, p95 331000, p99 419000, max 1215000",
    },
    {   /* pgbench -c 2 -t 100 -b select -b simple */
        "pgbench",
        "pgbench (15.18 (Debian 15.18-0+deb12u1))\n"
        "transaction type: multiple scripts\n"
        "scaling factor: 1\n"
        "query mode: simple\n"
        "number of clients: 2\n"
        "number of threads: 1\n"
        "maximum number of tries: 1\n"
        "number of transactions per client: 100\n"
        "number of transactions actually processed: 200/200\n"
        "number of failed transactions: 0 (0.000%)\n"
        "latency average = 0.339 ms\n"
        "latency stddev = 0.333 ms\n"
        "initial connection time = 4.324 ms\n"
        "tps = 5401.755571 (without initial connection time)\n"
        "SQL script 1: <builtin: select only>\n"
        " - weight: 1 (targets 50.0% of total)\n"
        " - 105 transactions (52.5% of total, tps = 2835.921675)\n"
        " - number of failed transactions: 0 (0.000%)\n"
        " - latency average = 0.101 ms\n"
        " - latency stddev = 0.044 ms\n"
        "SQL script 2: <builtin: simple update>\n"
        " - weight: 1 (targets 50.0% of total)\n"
        " - 95 transactions (47.5% of total, tps = 2565.833896)\n"
        " - number of failed transactions: 0 (0.000%)\n"
        " - latency average = 0.603 ms\n"
        " - latency stddev = 0.314 ms\n",
        200, NAN, 5401.755571, 0,
        "mean 339000",
    },
};

Test(load_report, reads_what_the_tools_print)
{
    for (size_t i = 0; i < COUNT_OF(captured); i++)
        sample_expect(&captured[i], i);
}

Test(load_report, reads_what_other_versions_print)
{
    static const struct sample rows[] = {
    {   /* wrk2 --latency: the table goes on, with percentages that have no sign */
        "wrk",
        "Running 1m test @ http://localhost:8081\n"
        "  1 threads and 64 connections\n"
        "  Thread calibration: mean lat.: 1.464ms, rate sampling interval: 10ms\n"
        "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
        "    Latency     1.44ms  706.00us  12.92ms   68.59%\n"
        "    Req/Sec     2.11k   212.65     3.44k    72.73%\n"
        "  Latency Distribution (HdrHistogram - Recorded Latency)\n"
        " 50.000%    1.37ms\n"
        " 75.000%    1.85ms\n"
        " 90.000%    2.42ms\n"
        " 99.000%    3.02ms\n"
        " 99.900%    5.72ms\n"
        " 99.990%    7.89ms\n"
        " 99.999%   12.68ms\n"
        "100.000%   12.93ms\n"
        "\n"
        "  Detailed Percentile spectrum:\n"
        "       Value   Percentile   TotalCount 1/(1-Percentile)\n"
        "\n"
        "       0.067     0.000000            1         1.00\n"
        "       0.608     0.100000         9940         1.11\n"
        "----------------------------------------------------------\n"
        "  120000 requests in 1.00m, 9.54MB read\n"
        "Requests/sec:   2000.00\n"
        "Transfer/sec:    162.80KB\n",
        120000, 60, 2000, 0,
        "mean 1440000, p50 1370000, p75 1850000, p90 2420000, p99 3020000, p99.9 5720000, max 12920000",
    },
    {   /* wrk without an answer */
        "wrk",
        "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
        "    Latency     0.00us    0.00us   0.00us    -nan%\n"
        "    Req/Sec     0.00      0.00     0.00      -nan%\n"
        "  0 requests in 2.00s, 0.00B read\n"
        "  Socket errors: connect 1, read 2, write 4, timeout 8\n"
        "Requests/sec:      0.00\n",
        0, 2, 0, 15,
        "mean 0, max 0",
    },
    {   /* hey where its template doubles the sign */
        "hey",
        "  Requests/sec:\t100.0000\nResponse time histogram:\n  50%% in 0.0012 secs\n  99%% in 0.0050 secs\n",
        NAN, NAN, 100, 0,
        "p50 1200000, p99 5000000",
    },
    {   /* redis-benchmark before 6.2 */
        "redis-benchmark",
        "====== SET ======\n  100000 requests completed in 0.88 seconds\n  50 parallel clients\n\n"
        "99.76% <= 1 milliseconds\n100.00% <= 1 milliseconds\n113895.21 requests per second\n\n",
        100000, 0.88, 113895.21, 0,
        "",
    },
    {   /* pgbench before 14 */
        "pgbench",
        "number of transactions actually processed: 100/100\nlatency average = 1.033 ms\n"
        "tps = 1900.5 (including connections establishing)\ntps = 1935.25 (excluding connections establishing)\n",
        100, NAN, 1935.25, 0,
        "mean 1033000",
    },
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        sample_expect(&rows[i], i);
}

/* The rate is that of all requests, not the mean of rates: 100 in 1 second and 100 in 4 are 200 in 5. */
Test(load_report, several_reports_are_one)
{
    static const char one[] = "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
                              "    Latency     2.00ms    1.00ms   4.00ms   90.00%\n"
                              "  100 requests in 1.00s, 1.00MB read\n"
                              "  Non-2xx or 3xx responses: 3\n"
                              "Requests/sec:    100.00\n";
    static const char other[] = "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
                                "    Latency     4.00ms    1.00ms   8.00ms   90.00%\n"
                                "  100 requests in 4.00s, 1.00MB read\n"
                                "Requests/sec:     25.00\n";
    static const char dead[] = "  Thread Stats   Avg      Stdev     Max   +/- Stdev\n"
                               "  0 requests in 5.00s, 0.00MB read\n"
                               "  Socket errors: connect 7, read 0, write 0, timeout 0\n"
                               "Requests/sec:      0.00\n";
    char text[2048];
    snprintf(text, sizeof text, "%s%s", one, other);
    sample_expect(&(struct sample){"wrk", text, 200, 5, 40, 3, "mean 3000000, max 6000000"}, 0);
    snprintf(text, sizeof text, "%s%s%s", one, other, dead);
    sample_expect(&(struct sample){"wrk", text, 200, 10, 20, 10, "mean 3000000, max 6000000"}, 1);
}

Test(load_report, lines_with_a_name_and_a_number_do_too)
{
    static const struct sample rows[] = {
        {"name: number", "rate: 1234.5\n", NAN, NAN, 1234.5, 0, ""},
        {"name: number", "rate: 1234.5", NAN, NAN, 1234.5, 0, ""},
        {"name: number", "  Rate = 10 req/s\r\n", NAN, NAN, 10, 0, ""},
        {"name: number", "throughput:\t5.5e3 requests per second\n", NAN, NAN, 5500, 0, ""},
        {"name: number", "Requests per second: 7\nfailed: 2 requests\n", NAN, NAN, 7, 2, ""},
        {"name: number", "qps: 1\n", NAN, NAN, 1, 0, ""},
        {"name: number", "tps = 2 (best of 3)\n", NAN, NAN, 2, 0, ""},
        {"name: number", "RPS: 3/s\n", NAN, NAN, 3, 0, ""},
        {"name: number", "requests: 100\nseconds: 4\n", 100, 4, 25, 0, ""},
        {"name: number", "requests: 100\ntime: 500 ms\nerrors: 1\n", 100, 0.5, 200, 1, ""},
        {"name: number", "duration_ms=250\nrequests=10\n", 10, 0.25, 40, 0, ""},
        {"name: number", "requests: 100\nseconds: 4\nrate: 30\n", 100, 4, 30, 0, ""},
        {"name: number", "requests: 100\nseconds: 1\nrequests: 100\nseconds: 4\n", 200, 5, 40, 0, ""},
        {"name: number", "requests: 100\nseconds: 0\n", 100, 0, NAN, 0, ""},
        {"name: number",
         "rate: 1\np99.9: 9 s\nmax: 1m\nlatency_p99: 8 ms\np95 = 7us\n"
         "p90: 6 ns\nP75: 5usec\nlatency p50: 4.5 \xc2\xb5s\nmean: 3 msec\n",
         NAN, NAN, 1, 0,
         "mean 3000000, p50 4500, p75 5000, p90 6, p95 7000, p99 8000000, p99.9 9000000000, max 60000000000"},
        {"name: number", "rate: 1\nlatency: 3ms\n", NAN, NAN, 1, 0, "mean 3000000"},
        {"name: number", "rate: 1\nlatency_mean_us: 3\np99_ms: 4\n", NAN, NAN, 1, 0, "mean 3000, p99 4000000"},
        {"name: number", "rate: 1\naverage: 2 ms\naverage: 4 ms\n", NAN, NAN, 1, 0, "mean 3000000"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        sample_expect(&rows[i], i);
}

/* Better no figure than one that was meant otherwise. */
Test(load_report, a_number_that_may_mean_something_else_is_left_out)
{
    static const char *const lines[] = {
        "rate: 125.3 MB/s", "throughput: 1.2k",   "rate: 12,345",     "rate: 12:30",         "rate: -5",       "rate: nan",
        "rate: inf",        "rate: 0x10",         "rate: 1e999",      "rate:",               "rate: fast",     "rate 5",
        "rate limit: 5",    "errors: 0.5%",       "errors: 5 %",      "requests: 12,345",    "requests: 1.2.3", "requests: 5 k",
        "p99: 12.5",        "p99: 1,234 ms",      "p99: 3 parsecs",   "latency_requests: 5", "p98: 1 ms",      "min: 1 ms",
        "requests_ms: 5",   "time: 12:03:04",     "date: 2024-01-01", "time: 2024-01-01",    ": 5",            "=",
        "latency_: 5 ms",   "latency_rate_s: 5",  "latency_time: 5s", "rate_ms: 5",          "max: 1e306 h",   "_ms: 5",
        "requests: 10kreq",
    };
    for (size_t i = 0; i < COUNT_OF(lines); i++) {
        struct load_report report;
        cr_expect_not_null(load_report_read(lines[i], &report), "%s", lines[i]);
        cr_expect(isnan(report.rate) && isnan(report.requests) && isnan(report.seconds), "%s", lines[i]);
        cr_expect(report.errors == 0 && report.latency_count == 0, "%s", lines[i]);
    }
}

Test(load_report, what_has_no_rate_is_told_in_words)
{
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        {"", "the output is none of wrk, ab, hey, redis-benchmark or pgbench, and has no line \"rate: NUMBER\""},
        {"unable to connect to 127.0.0.1:8081 Connection refused\n",
         "the output is none of wrk, ab, hey, redis-benchmark or pgbench, and has no line \"rate: NUMBER\""},
        {"This is ApacheBench, Version 2.3 <$Revision$>\n"
         "Benchmarking 127.0.0.1 (be patient)...apr_socket_recv: Connection refused (111)\n",
         "ab printed no line \"Requests per second:\""},
        {"  Thread Stats   Avg      Stdev     Max   +/- Stdev\nRequests/sec: -nan\n", "wrk printed no line \"Requests/sec:\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct load_report report;
        const char *sentence = load_report_read(rows[i].text, &report);
        cr_assert_not_null(sentence, "row %zu", i);
        cr_expect_str_eq(sentence, rows[i].sentence);
    }
}

/* Whatever is cut off, repeated or out of order: no crash, no more latencies than there is room for. */
Test(load_report, survives_any_beginning_of_an_output_and_any_byte_in_it)
{
    unsigned short seed[3] = {1, 2, 3};
    for (size_t i = 0; i < COUNT_OF(captured); i++) {
        size_t len = strlen(captured[i].text);
        for (size_t cut = 0; cut <= len; cut++) {
            struct load_report report;
            char *text = strdup(captured[i].text);
            text[cut] = '\0';
            load_report_read(text, &report);
            cr_assert_leq(report.latency_count, LATENCIES_MOST);
            memcpy(text, captured[i].text, len);
            if (cut < len)
                text[cut] = (char)(1 + nrand48(seed) % 255);
            load_report_read(text, &report);
            cr_assert_leq(report.latency_count, LATENCIES_MOST);
            free(text);
        }
    }
}

Test(load_report, a_long_output_is_read_to_its_end)
{
    enum { LEN = 32 * 1024 * 1024 };
    char *text = malloc(LEN + 16);
    memset(text, 'x', LEN);                /* one line; then many */
    memcpy(text + LEN, "\nrate: 5\n", 10);
    sample_expect(&(struct sample){"name: number", text, NAN, NAN, 5, 0, ""}, 0);
    memset(text, '\n', LEN);
    sample_expect(&(struct sample){"name: number", text, NAN, NAN, 5, 0, ""}, 1);
    for (size_t i = 0; i < LEN; i += 8)
        memcpy(text + i, "rate: 5\n", 8);
    sample_expect(&(struct sample){"name: number", text, NAN, NAN, 5, 0, ""}, 2);
    free(text);
}
