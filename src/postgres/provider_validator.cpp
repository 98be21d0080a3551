// The validators of atelier_gemini and atelier_openai. PostgreSQL calls them with the whole list of options that a
// server or a user mapping is about to have. All locals are plain data: no guard is needed.
// Values are never quoted: one of them may be a key, or an address with a password in it.

#include "postgres/prelude.hpp"
#include "postgres/provider_options.hpp"

namespace atelier::postgres {

namespace {

std::optional<OptionPlace> place_of(Oid catalog) {
    if (catalog == ForeignServerRelationId) return OptionPlace::server;
    if (catalog == UserMappingRelationId) return OptionPlace::user_mapping;
    return std::nullopt;
}

const char* words(OptionPlace place) {
    return place == OptionPlace::server ? "foreign server" : "user mapping";
}

OptionPlace other(OptionPlace place) {
    return place == OptionPlace::server ? OptionPlace::user_mapping : OptionPlace::server;
}

// nullptr: nothing resembles the name. The limits are those of PostgreSQL's own search for an option.
const char* closest_option(ProviderKind kind, OptionPlace place, const char* name) {
    const int length = static_cast<int>(strlen(name));
    const char* closest = nullptr;
    int least = std::min(4, length / 2) + 1;
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place != place) continue;
        const int distance = varstr_levenshtein_less_equal(
            name, length, option.name, static_cast<int>(strlen(option.name)), 1, 1, 1, least - 1, true);
        if (distance < least) {
            least = distance;
            closest = option.name;
        }
    }
    return closest;
}

const char* option_names(ProviderKind kind, OptionPlace place) {
    StringInfoData names;
    initStringInfo(&names);
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place == place) appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", option.name);
    }
    return names.data;
}

[[noreturn]] void refuse_place(const ProviderOption& option) {
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
                    errmsg("option \"%s\" belongs to a %s, not to a %s", option.name, words(option.place),
                           words(other(option.place))),
                    option.place == OptionPlace::user_mapping
                        ? errhint("CREATE USER MAPPING FOR atelier_owner SERVER ... OPTIONS (%s '...');", option.name)
                        : errhint("ALTER SERVER ... OPTIONS (ADD %s '...');", option.name)));
    pg_unreachable();
}

[[noreturn]] void refuse_name(ProviderKind kind, OptionPlace place, const char* name) {
    const char* closest = closest_option(kind, place, name);
    ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME),
                    errmsg("atelier_%s has no option \"%s\" of a %s", to_string(kind), name, words(place)),
                    closest != nullptr ? errhint("Perhaps you meant the option \"%s\".", closest)
                                       : errhint("Valid options in this context are: %s.", option_names(kind, place))));
    pg_unreachable();
}

const ProviderOption& check_option(ProviderKind kind, OptionPlace place, const char* name, const char* value) {
    const ProviderOption* option = find_provider_option(kind, place, name);
    if (option == nullptr) {
        const ProviderOption* elsewhere = find_provider_option(kind, other(place), name);
        if (elsewhere != nullptr) refuse_place(*elsewhere);
        refuse_name(kind, place, name);
    }
    if (!option->is_valid(value)) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("invalid value for option \"%s\"", name),
                        errhint("%s", option->expected)));
    }
    if (option->privileged && !has_privs_of_role(GetUserId(), get_role_oid("atelier_admin", false))) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied to set option \"%s\"", name),
                        errhint("Only superusers and members of atelier_admin may set it, and change a %s that has it.",
                                words(place))));
    }
    return *option;
}

// Of what a user mapping may hold, each option is a key.
void check_one_key(const char* first, const char* second) {
    if (first == nullptr) {
        ereport(ERROR, (errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED), errmsg("the user mapping has no key"),
                        errhint("Give one of the options api_key_file, api_key_env and api_key.")));
    }
    if (second != nullptr) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("options \"%s\" and \"%s\" exclude each other", first, second),
                        errhint("ALTER USER MAPPING ... OPTIONS (DROP %s, ADD %s '...');", first, second)));
    }
}

void check_options(ProviderKind kind, Datum texts, Oid catalog) {
    const std::optional<OptionPlace> place = place_of(catalog);
    const char* first = nullptr;
    const char* second = nullptr;
    ListCell* cell;
    foreach (cell, untransformRelOptions(texts)) {
        DefElem* element = lfirst_node(DefElem, cell);
        if (!place) {
            ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", element->defname),
                            errhint("Only servers and user mappings of atelier_%s have options.", to_string(kind))));
        }
        const ProviderOption& option = check_option(kind, *place, element->defname, defGetString(element));
        (first == nullptr ? first : second) = option.name;
    }
    if (place == OptionPlace::user_mapping) check_one_key(first, second);
}

}  // namespace
}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_gemini_options);
PG_FUNCTION_INFO_V1(atelier_openai_options);

PGDLLEXPORT Datum atelier_gemini_options(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    check_options(ProviderKind::gemini, PG_GETARG_DATUM(0), PG_GETARG_OID(1));
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum atelier_openai_options(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    check_options(ProviderKind::openai, PG_GETARG_DATUM(0), PG_GETARG_OID(1));
    PG_RETURN_VOID();
}

}  // extern "C"
