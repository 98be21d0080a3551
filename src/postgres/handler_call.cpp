// Declared for SQL in sql/engine/02_module.sql. All locals are plain data: no guard is needed.

#include "postgres/handler_call.hpp"

#include "postgres/tenant_context.hpp"

namespace atelier::postgres {

namespace {

constexpr int restricted = SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION;

ProcessUtility_hook_type previous_hook = nullptr;

// In any other one PostgreSQL may call functions of somebody else: those of an index, a view, a trigger on events. Who
// asks is not known there.
bool runs_only_what_it_says(const Node* statement) {
    switch (nodeTag(statement)) {
        case T_CallStmt:
        case T_ClosePortalStmt:
        case T_CopyStmt:
        case T_DeclareCursorStmt:
        case T_DoStmt:
        case T_ExecuteStmt:
        case T_ExplainStmt:
        case T_FetchStmt:
        case T_VariableSetStmt:
            return true;
        case T_CreateTableAsStmt:
            return reinterpret_cast<const CreateTableAsStmt*>(statement)->objtype == OBJECT_TABLE;
        default:
            return false;
    }
}

void on_utility(PlannedStmt* planned, const char* query, bool read_only_tree, ProcessUtilityContext context,
                ParamListInfo params, QueryEnvironment* environment, DestReceiver* destination,
                QueryCompletion* completion) {
    const ProcessUtility_hook_type next = previous_hook != nullptr ? previous_hook : standard_ProcessUtility;
    if (!in_handler_scope() || runs_only_what_it_says(planned->utilityStmt)) {
        next(planned, query, read_only_tree, context, params, environment, destination, completion);
        return;
    }
    const bool before = set_foreign_command(true);
    next(planned, query, read_only_tree, context, params, environment, destination, completion);
    (void)set_foreign_command(before);
}

void watch_commands() {
    static bool watching = false;
    if (watching) return;
    previous_hook = ProcessUtility_hook;
    ProcessUtility_hook = on_utility;
    watching = true;
}

Oid role_of(const char* name) {
    const Oid role = get_role_oid(name, true);
    if (!OidIsValid(role)) {
        ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("role \"%s\" does not exist", name),
                        errdetail("The functions of the pipeline run as it."),
                        errhint("Define the pipeline again, with run_as => a role that exists.")));
    }
    if (superuser_arg(role)) {
        ereport(ERROR, (errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                        errmsg("functions of pipelines do not run as the superuser \"%s\"", name),
                        errhint("Define the pipeline again, with run_as => a role that has the privileges it needs and "
                                "no more.")));
    }
    return role;
}

const char* statement_of(text* function) {
    char* schema = nullptr;
    char* name = nullptr;
    DeconstructQualifiedName(textToQualifiedNameList(function), &schema, &name);
    return psprintf("select %s($1)", quote_qualified_identifier(schema, name));
}

// Of the one row that the function returned, into `target`.
bool take_result(MemoryContext target, Datum* result) {
    const Oid type = SPI_gettypeid(SPI_tuptable->tupdesc, 1);
    if (type == VOIDOID) return false;
    if (type != JSONBOID) {
        ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
                        errmsg("a function of a pipeline returns jsonb or void, not %s", format_type_be(type)),
                        errhint("Create it anew with RETURNS jsonb.")));
    }
    if (SPI_processed != 1) {
        ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION),
                        errmsg("a function of a pipeline returned %llu rows instead of one value",
                               static_cast<unsigned long long>(SPI_processed)),
                        errhint("Let it return one jsonb array.")));
    }
    bool is_null = false;
    const Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (is_null) return false;
    MemoryContext const previous = MemoryContextSwitchTo(target);
    *result = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));
    MemoryContextSwitchTo(previous);
    return true;
}

bool run(const char* statement, Datum argument, Datum* result) {
    MemoryContext const target = CurrentMemoryContext;
    SPI_connect();
    Oid type = JSONBOID;
    const int code = SPI_execute_with_args(statement, 1, &type, &argument, nullptr, false, 2);
    if (code != SPI_OK_SELECT) elog(ERROR, "unexpected result %d of: %s", code, statement);
    const bool has_result = take_result(target, result);
    SPI_finish();
    return has_result;
}

}  // namespace

bool call_handler(const HandlerCall& call, Datum* result) {
    const Oid role = role_of(call.run_as);
    const char* statement = statement_of(call.function);
    Oid previous_role = InvalidOid;
    int previous_context = 0;
    GetUserIdAndSecContext(&previous_role, &previous_context);
    watch_commands();
    enter_handler_scope(role, call.client);
    const int settings = NewGUCNestLevel();
    SetUserIdAndSecContext(role, restricted);
    const bool has_result = run(statement, call.argument, result);
    AtEOXact_GUC(false, settings);
    SetUserIdAndSecContext(previous_role, previous_context);
    leave_handler_scope();
    return has_result;
}

}  // namespace atelier::postgres

extern "C" {

PG_FUNCTION_INFO_V1(atelier_run_handler);
PG_FUNCTION_INFO_V1(atelier_in_handler);
PG_FUNCTION_INFO_V1(atelier_current_extension);

PGDLLEXPORT Datum atelier_run_handler(PG_FUNCTION_ARGS) {
    using namespace atelier::postgres;
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(3)) {
        ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("function, role and job must not be null")));
    }
    const HandlerCall call = {PG_GETARG_TEXT_PP(0), text_to_cstring(PG_GETARG_TEXT_PP(1)),
                              PG_ARGISNULL(2) ? nullptr : PG_GETARG_UUID_P(2), PG_GETARG_DATUM(3)};
    Datum result = 0;
    if (!call_handler(call, &result)) PG_RETURN_NULL();
    PG_RETURN_DATUM(result);
}

PGDLLEXPORT Datum atelier_in_handler(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    PG_RETURN_BOOL(atelier::postgres::in_handler_scope());
}

PGDLLEXPORT Datum atelier_current_extension(PG_FUNCTION_ARGS) {
    (void)fcinfo;
    const char* name = creating_extension ? get_extension_name(CurrentExtensionObject) : nullptr;
    if (name == nullptr) PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(name));
}

}  // extern "C"
