#pragma once
// From an <Error> to a Failure.

#include "storage/s3_answers.hpp"
#include "storage/s3_xml.hpp"

namespace atelier::storage::s3 {

// An <Error> within a successful answer: of the whole request, or of one of its keys. What its code does not tell is
// better later.
Failure failure_within(Operation operation, const core::HttpAnswer& answer, const XmlElement& error);

// "the store answered 200 <what>", class storage_failed.
core::Error unexpected(const core::HttpAnswer& answer, std::string_view what);

}  // namespace atelier::storage::s3
