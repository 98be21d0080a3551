// The validators of our foreign data wrappers. PostgreSQL calls them with the whole list of options that a server or a
// user mapping is about to have. All locals are plain data: no guard is needed. Values are never
// quoted: one of them may be a key, or an address with a password in it.

#include "postgres/option_values.hpp"
#include "postgres/prelude.hpp"
#include "postgres/server_options.hpp"

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

bool is_among(List* given, const ProviderOption& option) {
    ListCell* cell;
    foreach (cell, given) {
        if (lfirst(cell) == &option) return true;
    }
    return false;
}

const ProviderOption& option_at(List* given, int position) {
    return *static_cast<const ProviderOption*>(list_nth(given, position));
}

// What is to be dropped and added so that the second of two ways to hold a key is the one.
const char* other_way(ProviderKind kind, List* given, const ProviderOption& first, const ProviderOption& second) {
    StringInfoData actions;
    initStringInfo(&actions);
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place != OptionPlace::user_mapping || key_way(option) != key_way(first)) continue;
        if (is_among(given, option)) appendStringInfo(&actions, "%sDROP %s", actions.len > 0 ? ", " : "", option.name);
    }
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place != OptionPlace::user_mapping || key_way(option) != key_way(second)) continue;
        if (option.required || &option == &second) appendStringInfo(&actions, ", ADD %s '...'", option.name);
    }
    return actions.data;
}

const char* ways_to_hold_a_key(ProviderKind kind) {
    return kind == ProviderKind::s3
               ? "Give access_key_id and secret_access_key, or credentials_file, or credentials_env."
               : "Give one of the options api_key_file, api_key_env and api_key.";
}

// All options of a user mapping say what the key is, in one of several ways.
void check_one_way(ProviderKind kind, List* given) {
    if (given == NIL) {
        ereport(ERROR, (errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
                        errmsg("the user mapping has no %s", kind == ProviderKind::s3 ? "credentials" : "key"),
                        errhint("%s", ways_to_hold_a_key(kind))));
    }
    const ProviderOption& first = option_at(given, 0);
    for (int i = 1; i < list_length(given); ++i) {
        const ProviderOption& next = option_at(given, i);
        if (key_way(next) == key_way(first)) continue;
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("options \"%s\" and \"%s\" exclude each other", first.name, next.name),
                        errhint("ALTER USER MAPPING ... OPTIONS (%s);", other_way(kind, given, first, next))));
    }
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place != OptionPlace::user_mapping || key_way(option) != key_way(first)) continue;
        if (!option.required || is_among(given, option)) continue;
        ereport(ERROR, (errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
                        errmsg("option \"%s\" needs option \"%s\"", first.name, option.name),
                        errhint("%s", ways_to_hold_a_key(kind))));
    }
}

void check_server(ProviderKind kind, List* given, List* values) {
    for (const ProviderOption& option : provider_options(kind)) {
        if (option.place != OptionPlace::server || !option.required || is_among(given, option)) continue;
        ereport(ERROR, (errcode(ERRCODE_FDW_DYNAMIC_PARAMETER_VALUE_NEEDED),
                        errmsg("the foreign server has no option \"%s\"", option.name),
                        errhint("Give it with OPTIONS (%s '...'). %s", option.name, option.expected)));
    }
    if (kind != ProviderKind::s3) return;
    // A body that is not signed could be changed on its way.
    const char* endpoint = option_value(values, "endpoint");
    const char* signing = option_value(values, "payload_signing");
    if (endpoint != nullptr && !option_values::is_https(endpoint) && signing != nullptr &&
        strcmp(signing, "unsigned") == 0) {
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("payload_signing cannot be unsigned where the endpoint is not https://"),
                        errhint("ALTER SERVER ... OPTIONS (SET payload_signing 'signed');")));
    }
}

void check_options(ProviderKind kind, Datum texts, Oid catalog) {
    const std::optional<OptionPlace> place = place_of(catalog);
    List* values = untransformRelOptions(texts);
    List* given = NIL;  // of const ProviderOption*
    ListCell* cell;
    foreach (cell, values) {
        DefElem* element = lfirst_node(DefElem, cell);
        if (!place) {
            ereport(ERROR, (errcode(ERRCODE_FDW_INVALID_OPTION_NAME), errmsg("invalid option \"%s\"", element->defname),
                            errhint("Only servers and user mappings of atelier_%s have options.", to_string(kind))));
        }
        const ProviderOption& option = check_option(kind, *place, element->defname, defGetString(element));
        given = lappend(given, const_cast<ProviderOption*>(&option));
    }
    if (place == OptionPlace::user_mapping) check_one_way(kind, given);
    if (place == OptionPlace::server) check_server(kind, given, values);
}

}  // namespace
}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_gemini_options);
PG_FUNCTION_INFO_V1(atelier_openai_options);
PG_FUNCTION_INFO_V1(atelier_s3_options);
PG_FUNCTION_INFO_V1(atelier_unsplash_options);

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

PGDLLEXPORT Datum atelier_s3_options(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    check_options(ProviderKind::s3, PG_GETARG_DATUM(0), PG_GETARG_OID(1));
    PG_RETURN_VOID();
}

PGDLLEXPORT Datum atelier_unsplash_options(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    check_options(ProviderKind::unsplash, PG_GETARG_DATUM(0), PG_GETARG_OID(1));
    PG_RETURN_VOID();
}

}  // extern "C"
