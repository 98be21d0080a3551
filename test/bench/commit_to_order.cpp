// The client side of `make bench`: commits one job at a time on an idle server and compares the moment COMMIT returned
// with the moment the order was read (clock_executor.cpp, same monotonic clock). Prints the percentiles.
// usage: commit_to_order CONNECTION-STRING ROUNDS

#include <libpq-fe.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

namespace {

long long monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

// The first field of the answer, empty when there is no row. A failed statement ends the program.
std::string ask(PGconn* connection, const std::string& sql) {
    PGresult* result = PQexec(connection, sql.c_str());
    const ExecStatusType status = PQresultStatus(result);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        std::fprintf(stderr, "%s\n%s", sql.c_str(), PQerrorMessage(connection));
        std::exit(1);
    }
    std::string field = PQntuples(result) > 0 ? PQgetvalue(result, 0, 0) : "";
    PQclear(result);
    return field;
}

// When the order of an image's inspection was read; waits until the attempt is closed, up to 5 s.
long long order_read_at(PGconn* connection, const std::string& image) {
    for (int tries = 0; tries < 500; ++tries) {
        const std::string stamp = ask(connection,
                                      "select a.error_message from atelier.attempts a join atelier.images i "
                                      "on i.job_id = a.job_id where a.outcome = 'failed' and i.id = '" +
                                          image + "'");
        if (!stamp.empty()) return std::atoll(stamp.c_str());
        usleep(10'000);
    }
    std::fprintf(stderr, "no order was read for image %s within 5 s\n", image.c_str());
    std::exit(1);
}

double percentile(const std::vector<double>& sorted, double share) {
    const auto place = static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1) + 0.5);
    return sorted[place];
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    PGconn* connection = PQconnectdb(argv[1]);
    if (PQstatus(connection) != CONNECTION_OK) {
        std::fputs(PQerrorMessage(connection), stderr);
        return 1;
    }
    const int rounds = std::atoi(argv[2]);
    const std::string client = ask(connection, "select atelier.create_client('Bench', 'bench-' || pg_backend_pid())");
    std::vector<double> microseconds;
    for (int round = -20; round < rounds; ++round) {
        ask(connection, "begin");
        const std::string image = ask(connection, "select atelier.register_image('" + client + "', 'clients/" + client +
                                                      "/bench/" + std::to_string(round) + ".png')");
        ask(connection, "commit");
        const long long committed = monotonic_ns();
        usleep(2'000);
        const long long read_at = order_read_at(connection, image);
        // The first rounds fill caches and plans.
        if (round >= 0) microseconds.push_back(static_cast<double>(read_at - committed) / 1000.0);
        usleep(10'000);
    }
    std::sort(microseconds.begin(), microseconds.end());
    std::printf("COMMIT to order read, %zu times, idle, microseconds: p50 %.0f  p90 %.0f  p99 %.0f  max %.0f\n",
                microseconds.size(), percentile(microseconds, 0.5), percentile(microseconds, 0.9),
                percentile(microseconds, 0.99), microseconds.back());
    PQfinish(connection);
    return 0;
}
