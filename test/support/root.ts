/** Tests that change users, or look into other users' processes, are skipped where they are not root's. */
export const isRoot = process.geteuid?.() === 0;
