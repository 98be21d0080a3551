#pragma once
// What an executor tells the DBA through its worker's table of alerts.

#include <functional>
#include <string>

namespace atelier::executor {

struct Notice {
    std::string kind;  // one open alert per kind
    std::string message;
    std::string hint;
    bool resolved = false;  // the condition is over; message and hint mean nothing
};

using TellNotice = std::function<void(const Notice&)>;

}  // namespace atelier::executor
