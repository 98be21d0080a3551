#pragma once
// From an order to the call of a provider, and from a receipt to the answer for the worker. Everything here may be done
// by another executor than the one that made the call: a receipt holds all that its answer needs. Runs in the threads
// of the pool: files are read and written, the network is not touched.

#include <cstdint>
#include <string>

#include "core/clock.hpp"
#include "core/json.hpp"
#include "core/result.hpp"
#include "executor/http_client.hpp"
#include "executor/order.hpp"
#include "provider/provider.hpp"

namespace atelier::executor {

struct Receipt {
    core::Json head;   // receipt_head()
    std::string body;  // as it came
};

// Head of the spool record of a reply.
core::Json receipt_head(const Order& order, provider::Kind kind, const HttpReply& reply, core::Milliseconds duration);

// The lease in the head of any spool record; an empty object where there is none.
core::Json lease_of(const core::Json& head);

// A provider may echo the key in what it says: neither disk nor rows are to learn it. A key of less than 8 bytes is no
// secret.
void take_out_key(Receipt& receipt, const std::string& key);

struct Settled {
    std::string answer;           // payload of an answer frame
    bool storage_failed = false;  // the picture could not be stored: the same receipt may do better later
};

// Judges the reply and stores its picture. A head of another form than receipt_head() gives is answered with
// invalid_output.
Settled settle_receipt(const std::string& store_directory, const Receipt& receipt);

}  // namespace atelier::executor
