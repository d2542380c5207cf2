/* SPDX-License-Identifier: Apache-2.0 */
/* Copyright the dfukit authors */
/* Overwriting, whole and fast, survives a power cut at every point of an update. */
#include "campaign.h"

int main(int argc, char **argv)
{
    static const enum story_strategy strategies[] = { STORY_OVERWRITE, STORY_FAST };

    return campaign_main(argc, argv, strategies, 2);
}
