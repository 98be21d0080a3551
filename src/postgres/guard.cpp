#include "postgres/guard.hpp"

namespace atelier::postgres {

namespace {

void copy_text(char (&target)[PgError::text_bytes], const char* source) noexcept {
    if (source == nullptr) source = "";
    const std::size_t length = std::min(std::strlen(source), sizeof(target) - 1);
    std::memcpy(target, source, length);
    target[length] = '\0';
}

// Puts PostgreSQL's error handling back as it was, whichever way the scope is left.
class SavedErrorHandling {
  public:
    SavedErrorHandling() noexcept : stack_(PG_exception_stack), context_(error_context_stack) {}
    ~SavedErrorHandling() { restore(); }
    SavedErrorHandling(const SavedErrorHandling&) = delete;
    SavedErrorHandling& operator=(const SavedErrorHandling&) = delete;

    void restore() noexcept {
        PG_exception_stack = stack_;
        error_context_stack = context_;
    }

  private:
    sigjmp_buf* stack_;
    ErrorContextCallback* context_;
};

}  // namespace

PgError::PgError(const ErrorData& data) noexcept : sqlstate_(data.sqlerrcode) {
    copy_text(message_, data.message);
    copy_text(detail_, data.detail);
    copy_text(hint_, data.hint);
    copy_text(context_, data.context);
}

std::string PgError::sqlstate_text() const {
    std::string text(5, '0');
    int code = sqlstate_;
    for (char& letter : text) {
        letter = static_cast<char>(PGUNSIXBIT(code));
        code >>= 6;
    }
    return text;
}

namespace guard_detail {

void describe_current_exception(Failure& failure) noexcept {
    failure.detail[0] = failure.hint[0] = '\0';
    failure.sqlstate = ERRCODE_INTERNAL_ERROR;
    try {
        throw;
    } catch (const PgError& error) {
        failure.sqlstate = error.sqlstate();
        copy_text(failure.message, error.what());
        copy_text(failure.detail, error.detail());
        copy_text(failure.hint, error.hint());
    } catch (const std::bad_alloc&) {
        failure.sqlstate = ERRCODE_OUT_OF_MEMORY;
        copy_text(failure.message, "out of memory");
    } catch (const std::exception& error) {
        copy_text(failure.message, error.what());
    } catch (...) {
        copy_text(failure.message, "unknown C++ exception");
    }
}

void raise(const Failure& failure) {
    ereport(ERROR, (errcode(failure.sqlstate), errmsg_internal("%s", failure.message),
                    failure.detail[0] != '\0' ? errdetail_internal("%s", failure.detail) : 0,
                    failure.hint[0] != '\0' ? errhint("%s", failure.hint) : 0));
    pg_unreachable();
}

void run(void (*function)(void*), void* argument) {
    SavedErrorHandling saved;
    MemoryContext const context = CurrentMemoryContext;
    sigjmp_buf here;
    if (sigsetjmp(here, 0) == 0) {
        PG_exception_stack = &here;
        function(argument);
        return;
    }
    saved.restore();
    // The context may have been deleted with its transaction; CopyErrorData refuses to work inside ErrorContext.
    MemoryContextSwitchTo(TopMemoryContext);
    ErrorData* data = CopyErrorData();
    FlushErrorState();
    PgError error(*data);
    FreeErrorData(data);
    MemoryContextSwitchTo(context);
    throw error;
}

}  // namespace guard_detail
}  // namespace atelier::postgres
