/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
#include "commands.h"

const struct cli_command *const cli_commands[] = {
    /* images and keys */
    &cmd_keygen,
    &cmd_getpub,
    &cmd_getpubhash,
    &cmd_getpriv,
    &cmd_keyinfo,
    &cmd_sign,
    &cmd_create,
    &cmd_verify,
    &cmd_dumpinfo,
    &cmd_diff,
    &cmd_suffix_add,
    &cmd_suffix_check,
    &cmd_suffix_delete,
    &cmd_explain,
    &cmd_history,

    /* devices */
    &cmd_upgrade,
    &cmd_echo,
    &cmd_reset,
    &cmd_params,
    &cmd_info,
    &cmd_bootinfo,
    &cmd_datetime,
    &cmd_image_list,
    &cmd_image_upload,
    &cmd_image_test,
    &cmd_image_confirm,
    &cmd_image_erase,
    &cmd_image_slots,
    &cmd_usb_list,
    &cmd_usb_upload,
    &cmd_usb_download,
    &cmd_usb_detach,
    &cmd_config_fwinfo,
    &cmd_config_upload,
    &cmd_config_reboot,
    &cmd_sim,

    /* about */
    &cmd_version,
    NULL,
};
