#pragma once
// Servers of the extension's wrappers as the catalog has them. On PostgreSQL's side of the border: everything here but
// option_value() may ereport, and what it gives is plain data in the current memory context.

#include "postgres/prelude.hpp"
#include "postgres/provider_options.hpp"

namespace atelier::postgres {

// The value of an option in a list of DefElem; nullptr: it is not there. Calls no function of PostgreSQL that may
// ereport.
char* option_value(List* options, const char* name) noexcept;

// The options of a server of this kind, and the defaults of those that it does not have.
List* options_in_force(ProviderKind kind, List* options);

struct ServerMapping {
    const char* role;  // nullptr: there is none
    List* options;
};

// The mapping of a server that the worker uses: atelier_owner's, else that of PUBLIC. Read here and not by SQL, because
// atelier_owner may not read what is in a mapping.
ServerMapping used_mapping(Oid server);

}  // namespace atelier::postgres
