#pragma once
// How large the product is in life, judged by the words that describe it. A photo does not tell.

#include <string>

namespace atelier::media {

struct Subject {
    float width = 0.36F;     // metres, across the cut-out
    bool furniture = false;  // stands on the floor of a room
    bool flat = false;       // photographed from above: lies on a surface
    bool known = false;      // a word was found
};

// `prompt` in lower case. The first word of the prompt that names a thing decides.
Subject judge_subject(const std::string& prompt);

}  // namespace atelier::media
