/* The life of the supervisor: no junction, no inner sandbox, no heartbeat, and doors of its own. */
#include <signal.h>

#include "common/run/door_core.h"
#include "common/run/frame.h"

int host_supervisor_main(const struct cell_def *def, const struct host_birth *birth)
{
    struct cell cell = {.def = def, .gap_fd = -1, .started_ms = loop_now_ms(),
                        .is_supervisor = true, .birth = *birth, .wire = &door_sp_wire};
    int status = 1;

    (void)signal(SIGPIPE, SIG_IGN);
    log_init(cell.birth.space, cell.birth.name, cell.birth.instance);
    log_set_level(cell.birth.log_level);
    enum err e = door_open(&cell);
    if (frame_refuse("door", e) == ERR_OK && frame_refuse("open", frame_open(&cell)) == ERR_OK &&
        frame_refuse("signals", frame_catch_signals(&cell)) == ERR_OK &&
        frame_refuse("receive", door_start(&cell)) == ERR_OK &&
        (def->start == NULL || frame_refuse("start", def->start(&cell, cell.state)) == ERR_OK)) {
        status = frame_serve(&cell);
    }
    frame_close(&cell);
    return status;
}
