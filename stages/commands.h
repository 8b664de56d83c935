/* The functions of the table of commands, one a file. All collective. */
#ifndef DESY_STAGES_COMMANDS_H
#define DESY_STAGES_COMMANDS_H

#include "stages/stage.h"

int desy_synth_command(struct desy_invocation *invocation);
int desy_check_command(struct desy_invocation *invocation);
int desy_extract_command(struct desy_invocation *invocation);
int desy_fusion_weights_command(struct desy_invocation *invocation);
int desy_info_command(struct desy_invocation *invocation);
int desy_models_command(struct desy_invocation *invocation);
int desy_train_command(struct desy_invocation *invocation);
int desy_eval_command(struct desy_invocation *invocation);
int desy_run_command(struct desy_invocation *invocation);
int desy_detect_command(struct desy_invocation *invocation);
int desy_serve_command(struct desy_invocation *invocation);
int desy_batch_command(struct desy_invocation *invocation);
int desy_quantize_command(struct desy_invocation *invocation);
int desy_export_command(struct desy_invocation *invocation);
int desy_drift_command(struct desy_invocation *invocation);
int desy_feedback_command(struct desy_invocation *invocation);
int desy_doctor_command(struct desy_invocation *invocation);

#endif
